"""The log as a table: appended inside anybody's transaction, read by number.

Writers of a SQLite database commit one after the other and a taken-back transaction gives its
numbers back, so numbers are committed in order: who has read up to N never misses one below N.
"""

import json
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    Row,
    Table,
    Text,
    func,
    or_,
    select,
)

from kyros.events.model import KIN, Event, EventFilter, NewEvent
from kyros.events.store.live import Live
from kyros.infra.db import SqliteDatabase, metadata, touch
from kyros.kernel.clock import Clock, to_text, utc_now

TOPIC = "events"
"""Touched by every commit that appends; whoever hears of it calls `wake`."""

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("ts", Text, nullable=False, index=True),
    Column("event", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("target", Text, nullable=False, index=True),
    Column("details", Text, nullable=False),
    *(Column(name, Text) for name in KIN),
    sqlite_autoincrement=True,
)
for _name in KIN:
    Index(
        f"ix_events_{_name}",
        events.c[_name],
        sqlite_where=events.c[_name].is_not(None),
        postgresql_where=events.c[_name].is_not(None),
    )

_APPEND = """
INSERT INTO events (ts, event, actor, target, details, run_id, task_id, pull_id)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""


class SqlEventLog:
    """The EventLog port. Hand `wake` to whoever hears of commits, here and in other processes; without
    it a tail is up to a second late."""

    def __init__(self, database: SqliteDatabase, *, clock: Clock = utc_now) -> None:
        self._database, self._clock = database, clock
        self._live = Live(self.page, self.last_id)

    def append_in(self, transaction: Any, events: Sequence[NewEvent]) -> None:
        self._append(transaction, events)

    async def append(self, *events: NewEvent) -> list[int]:
        return await self._database.write(lambda connection: self._append(connection, events))

    async def page(self, after: int, limit: int, match: EventFilter) -> list[Event]:
        query = (
            select(events).where(events.c.id > after, *_conditions(match)).order_by(events.c.id).limit(limit)
        )
        return await self._database.read(
            lambda connection: [_event(row) for row in connection.execute(query)]
        )

    async def last_id(self) -> int:
        query = select(func.coalesce(func.max(events.c.id), 0))
        return await self._database.read(lambda connection: connection.execute(query).scalar_one())

    def tail(self, after: int, match: EventFilter) -> AsyncGenerator[Event, None]:
        return self._live.tail(after, match)

    def wake(self) -> None:
        """Something was committed: look now."""
        self._live.wake()

    def _append(self, connection: Connection, new: Sequence[NewEvent]) -> list[int]:
        ts = to_text(self._clock())
        numbers = [connection.exec_driver_sql(_APPEND, _row(ts, event)).lastrowid for event in new]
        if numbers:
            touch(connection, TOPIC)
        return numbers


def _row(ts: str, event: NewEvent) -> tuple[str | None, ...]:
    details = json.dumps(dict(event.details), ensure_ascii=False, separators=(",", ":"))
    kin = (event.details.get(name) for name in KIN)
    named = (value if isinstance(value, str) else None for value in kin)
    return (ts, event.event, event.actor, event.target, details, *named)


def _event(row: Row[Any]) -> Event:
    return Event(row.id, row.ts, row.event, row.actor, row.target, json.loads(row.details))


def _conditions(match: EventFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if match.event is not None:
        found.append(events.c.event == match.event)
    if match.actor is not None:
        found.append(events.c.actor == match.actor)
    if match.target is not None:
        names = ("target", *KIN)
        found.append(or_(*(events.c[name] == match.target for name in names)))
    if match.task is not None:
        found.append(or_(events.c.target == match.task, events.c.task_id == match.task))
    if match.since is not None:
        # The clock may have been set back, so the first of them is a floor and each is looked at.
        floor = select(func.min(events.c.id)).where(events.c.ts >= match.since).scalar_subquery()
        found += [events.c.id >= floor, events.c.ts >= match.since]
    return found
