"""In-memory twin of the log, for tests and for whatever needs no disk."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import orjson

from kyros.events.errors import EventsForgotten
from kyros.events.model import Event, EventFilter, NewEvent, matches
from kyros.events.model.line import frame_of, reset_frame, still_here_frame
from kyros.kernel.answers import Answer, Once, refuse_reuse
from kyros.kernel.clock import Clock, to_text, utc_now

_SILENCE_SECONDS = 15


class FakeEventLog:
    """The EventLog port in memory. A transaction is a list of things to do on commit, or None for at once."""

    def __init__(self, *, clock: Clock = utc_now) -> None:
        self._clock = clock
        self._events: list[Event] = []
        self._forgotten = 0
        self._answers: dict[tuple[str, str], tuple[Once, Answer]] = {}
        self._news = asyncio.Event()
        self.is_over = False

    def append_in(self, transaction: Any, events: Sequence[NewEvent]) -> None:
        if transaction is None:
            self._append(events)
        else:
            transaction.append(lambda: self._append(events))

    async def append(self, *events: NewEvent) -> list[int]:
        return self._append(events)

    async def append_once(self, event: NewEvent, once: Once, answer: Callable[[int], Answer]) -> Answer:
        known = self._answers.get((once.who, once.key))
        if known is not None:
            refuse_reuse(once, known[0].digest)
            return known[1]
        given = answer(self._append([event])[0])
        self._answers[once.who, once.key] = (once, given)
        return given

    async def page(self, after: int, limit: int, match: EventFilter) -> list[Event]:
        held = self._events[max(after, self._forgotten, 0) :]
        return [event for event in held if matches(event, match)][:limit]

    async def pick(self, ids: Sequence[int], match: EventFilter) -> list[Event]:
        held = self._events[self._forgotten :]
        return [event for event in held if event.id in ids and matches(event, match)]

    async def last_id(self) -> int:
        return len(self._events)

    async def first_id(self) -> int:
        return self._forgotten + 1

    async def forget(self, up_to: int, limit: int) -> int:
        before = self._forgotten
        going = min(up_to, before + limit, len(self._events) - 1)
        self._forgotten = max(before, going)
        return self._forgotten - before

    async def tail(self, after: int, match: EventFilter) -> AsyncGenerator[Event, None]:
        position = max(0, after)
        while True:
            while position < len(self._events):
                if position < self._forgotten:
                    raise EventsForgotten(f"Events up to {self._forgotten} are no longer in the log.")
                event = self._events[position]
                position += 1
                if matches(event, match):
                    yield event
            await self._news.wait()

    @asynccontextmanager
    async def follow(self, after: int, match: EventFilter) -> AsyncIterator["FakeFollower"]:
        yield FakeFollower(self, after, match)

    def hang_up(self) -> None:
        self.is_over = True
        self.ring()

    def wake(self) -> None:
        """Nothing to do: appends are seen at once."""

    def ring(self) -> None:
        """Whoever waits looks again."""
        self._news, told = asyncio.Event(), self._news
        told.set()

    async def news(self) -> bool:
        """Until the bell rings; False when it has not for so long that a reader should hear from us."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_SILENCE_SECONDS):
                await self._news.wait()
                return True
        return False

    def _append(self, new: Sequence[NewEvent]) -> list[int]:
        ts, first = to_text(self._clock()), len(self._events) + 1
        for number, event in enumerate(new, first):
            details = orjson.loads(orjson.dumps(dict(event.details)))
            self._events.append(Event(number, ts, event.event, event.actor, event.target, details))
        self.ring()
        return list(range(first, first + len(new)))


class FakeFollower:
    """The Follower port, one page at a time."""

    def __init__(self, log: FakeEventLog, after: int, match: EventFilter) -> None:
        self._log, self._position, self._match = log, max(0, after), match
        self._closed = False

    async def read(self) -> bytes | None:
        while not (self._closed or self._log.is_over):
            first, last = await self._log.first_id(), await self._log.last_id()
            if self._position + 1 < first:
                self._position = last
                return reset_frame(last)
            found = await self._log.page(self._position, last, self._match)
            self._position = max(self._position, last)
            if found:
                return b"".join(frame_of(event) for event in found)
            if not await self._log.news():
                return still_here_frame(self._position)
        return None

    def close(self) -> None:
        self._closed = True
        self._log.ring()
