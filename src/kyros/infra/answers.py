"""Answers kept under idempotency keys, in the transaction of what they answer. For all rooms."""

from datetime import datetime, timedelta

import orjson
from sqlalchemy import Column, Connection, Integer, Table, Text

from kyros.infra.db import metadata, prepared
from kyros.kernel.answers import Answer, Once, refuse_reuse
from kyros.kernel.clock import to_text

KEPT_DAYS = 7
"""A key may come again for so long; later it counts as new."""

answers = Table(
    "answers",
    metadata,
    Column("who", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("headers", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("at", Text, nullable=False, index=True),
)

_RECALL = "SELECT digest, status, headers, body FROM answers WHERE who = ? AND key = ?"
_FORGET = "DELETE FROM answers WHERE at < ?"
_REMEMBER = "INSERT INTO answers (who, key, digest, status, headers, body, at) VALUES (?, ?, ?, ?, ?, ?, ?)"


def recall(connection: Connection, once: Once) -> Answer | None:
    """The answer remembered for a key. Raises KeyReused when it came with another request."""
    row = prepared(connection, _RECALL, (once.who, once.key)).first()
    if row is None:
        return None
    refuse_reuse(once, row.digest)
    return Answer(row.status, row.body, orjson.loads(row.headers))


def remember(connection: Connection, once: Once, answer: Answer, at: datetime) -> None:
    """Keep the answer, and drop those that nobody may ask for again."""
    prepared(connection, _FORGET, (to_text(at - timedelta(days=KEPT_DAYS)),))
    headers = orjson.dumps(dict(answer.headers)).decode()
    row = (once.who, once.key, once.digest, answer.status, headers, answer.body, to_text(at))
    prepared(connection, _REMEMBER, row)
