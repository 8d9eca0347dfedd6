"""In-memory twin of the log, for tests and for whatever needs no disk."""

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from kyros.events.model import Event, EventFilter, NewEvent, matches
from kyros.kernel.clock import Clock, to_text, utc_now


class FakeEventLog:
    """The EventLog port in memory. A transaction is a list of things to do on commit, or None for at once."""

    def __init__(self, *, clock: Clock = utc_now) -> None:
        self._clock = clock
        self._events: list[Event] = []
        self._news = asyncio.Event()

    def append_in(self, transaction: Any, events: Sequence[NewEvent]) -> None:
        if transaction is None:
            self._append(events)
        else:
            transaction.append(lambda: self._append(events))

    async def append(self, *events: NewEvent) -> list[int]:
        return self._append(events)

    async def page(self, after: int, limit: int, match: EventFilter) -> list[Event]:
        return [event for event in self._events[max(0, after) :] if matches(event, match)][:limit]

    async def last_id(self) -> int:
        return len(self._events)

    async def tail(self, after: int, match: EventFilter) -> AsyncGenerator[Event, None]:
        position = max(0, after)
        while True:
            while position < len(self._events):
                event = self._events[position]
                position += 1
                if matches(event, match):
                    yield event
            await self._news.wait()

    def wake(self) -> None:
        """Nothing to do: appends are seen at once."""

    def _append(self, new: Sequence[NewEvent]) -> list[int]:
        ts, first = to_text(self._clock()), len(self._events) + 1
        for number, event in enumerate(new, first):
            details = json.loads(json.dumps(dict(event.details)))
            self._events.append(Event(number, ts, event.event, event.actor, event.target, details))
        self._news, told = asyncio.Event(), self._news
        told.set()
        return list(range(first, first + len(new)))
