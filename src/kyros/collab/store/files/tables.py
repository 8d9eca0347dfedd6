"""What a home knows about its state files beside them: facts by name."""

from sqlalchemy import Column, Connection, Table, Text

from kyros.infra.db import metadata, prepared

collab_facts = Table(
    "collab_facts",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
"""`store`: files or sql; `taken:tasks`, `taken:agents`: the digest of the file last taken from a hand."""

_FIND = "SELECT value FROM collab_facts WHERE name = ?"
_PUT = """INSERT INTO collab_facts (name, value) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET value = excluded.value"""


def fact(connection: Connection, name: str) -> str | None:
    row = prepared(connection, _FIND, (name,)).first()
    return None if row is None else str(row[0])


def put_fact(connection: Connection, name: str, value: str) -> None:
    prepared(connection, _PUT, (name, value))
