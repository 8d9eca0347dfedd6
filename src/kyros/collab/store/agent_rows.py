"""Agents as rows, and the store's own sign of life."""

from collections.abc import Sequence
from datetime import datetime

import orjson
from sqlalchemy import Connection

from kyros.collab.model import Agent
from kyros.collab.model.agent import agent_of
from kyros.infra.db import swiftly
from kyros.kernel.clock import from_text, to_text

_FIND = "SELECT document FROM agents WHERE name = ?"
_ALL = "SELECT document FROM agents ORDER BY name"
_PUT = """INSERT INTO agents (name, document) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET document = excluded.document"""
_DROP = "DELETE FROM agents WHERE name = ? RETURNING document"
_LAST_BEAT = "SELECT last_beat FROM collab_service WHERE number = 1"
_BEAT = """INSERT INTO collab_service (number, last_beat) VALUES (1, ?)
ON CONFLICT (number) DO UPDATE SET last_beat = excluded.last_beat"""


def find(connection: Connection, name: str) -> Agent | None:
    row = swiftly(connection, _FIND, (name,)).first()
    return None if row is None else agent_of(orjson.loads(row[0]))


def find_all(connection: Connection) -> Sequence[Agent]:
    return [agent_of(orjson.loads(row[0])) for row in swiftly(connection, _ALL)]


def put(connection: Connection, agent: Agent) -> None:
    swiftly(connection, _PUT, (agent.name, orjson.dumps(agent.document()).decode()))


def drop(connection: Connection, name: str) -> Agent | None:
    """Returns what was there."""
    row = swiftly(connection, _DROP, (name,)).first()
    return None if row is None else agent_of(orjson.loads(row[0]))


def last_beat(connection: Connection) -> datetime | None:
    row = swiftly(connection, _LAST_BEAT).first()
    return None if row is None else from_text(row[0])


def beat(connection: Connection, now: datetime) -> None:
    swiftly(connection, _BEAT, (to_text(now),))
