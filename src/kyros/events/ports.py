"""What the log promises to the rooms above it."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any, Protocol

from kyros.events.model import Event, EventFilter, NewEvent


class Outbox(Protocol):
    """Appends inside a store's own transaction: state and event stand or fall together."""

    def append_in(self, transaction: Any, events: Sequence[NewEvent]) -> None:
        """`transaction` is whatever the store writes with (an SQLAlchemy Connection)."""
        ...


class EventLog(Outbox, Protocol):
    async def append(self, *events: NewEvent) -> list[int]:
        """Append on its own; returns the numbers once durable."""
        ...

    async def page(self, after: int, limit: int, match: EventFilter) -> list[Event]:
        """Up to `limit` events with id > `after`, oldest first."""
        ...

    async def last_id(self) -> int: ...

    def tail(self, after: int, match: EventFilter) -> AsyncGenerator[Event, None]:
        """Every matching event after `after`, then each new one as it is committed. No gap, no repeat.
        Close it (`aclosing`) when you stop reading."""
        ...
