"""Events as rows, and back."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection

from kyros.events.model import KIN, Event, NewEvent, kin_of
from kyros.infra.db import prepared_many, swiftly, touch
from kyros.kernel.clock import to_text

TOPIC = "events"
"""Touched by every commit that appends; whoever hears of it calls `wake`."""

Row = tuple[str | None, ...]
"""All of an event but its number and time."""

_COLUMNS = ("event", "actor", "target", "details", *KIN)
_NAMES, _MARKS = ", ".join(_COLUMNS), ", ".join("?" * len(_COLUMNS))
_NEXT = "SELECT coalesce(max(id), 0) + 1 FROM events"
_APPEND = f"INSERT INTO events (id, ts, {_NAMES}) VALUES (({_NEXT}), ?, {_MARKS}) RETURNING id"  # noqa: S608
_APPEND_MANY = f"INSERT INTO events (id, ts, {_NAMES}) VALUES (?, ?, {_MARKS})"  # noqa: S608


def row_of(event: NewEvent) -> Row:
    """Raises TypeError for details that are no JSON."""
    details = orjson.dumps(dict(event.details)).decode()
    kin = kin_of(event)
    return (event.event, event.actor, event.target, details, *(kin[name] for name in KIN))


def insert(connection: Connection, at: datetime, rows: Sequence[Row]) -> list[int]:
    """Append and announce; returns the numbers, which follow the newest event's."""
    if not rows:
        return []
    touch(connection, TOPIC)
    ts = to_text(at)
    if len(rows) == 1:
        return [swiftly(connection, _APPEND, (ts, *rows[0])).value()]
    first: int = swiftly(connection, _NEXT).value()
    numbers = list(range(first, first + len(rows)))
    prepared_many(connection, _APPEND_MANY, [(n, ts, *row) for n, row in zip(numbers, rows, strict=True)])
    return numbers


def events_of(rows: Iterable[Any]) -> list[Event]:
    """Of rows with the table's columns in its order."""
    return [Event(row[0], row[1], row[2], row[3], row[4], orjson.loads(row[5])) for row in rows]
