"""The log's table. Every index ends in the number: a filter finds its first page without sorting."""

from sqlalchemy import Column, Index, Table, Text

from kyros.events.model import KIN
from kyros.infra.db import BIG_INTEGER, metadata

events = Table(
    "events",
    metadata,
    Column("id", BIG_INTEGER, primary_key=True),
    Column("ts", Text, nullable=False, index=True),
    Column("event", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("details", Text, nullable=False),
    *(Column(name, Text) for name in KIN),
    sqlite_autoincrement=True,
)
for _name in ("event", "actor", "target"):
    Index(f"ix_events_{_name}", events.c[_name], events.c.id)
for _name in KIN:
    Index(
        f"ix_events_{_name}",
        events.c[_name],
        events.c.id,
        sqlite_where=events.c[_name].is_not(None),
        postgresql_where=events.c[_name].is_not(None),
    )
