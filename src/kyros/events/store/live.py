"""The end of the log, read once for all who follow it."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import takewhile

from kyros.events.model import Event, EventFilter, matches
from kyros.infra.telemetry import get_log
from kyros.kernel.errors import KyrosError

_PAGE = 500
_RECENT = 2_000
_POLL_SECONDS = 1.0

ReadPage = Callable[[int, int, EventFilter], Awaitable[list[Event]]]


class Live:
    """While somebody follows, one task reads what is new into a window of recent events and wakes all.

    The window holds every event with `floor` < id <= `last`. Who is behind it reads pages instead.
    """

    def __init__(self, page: ReadPage, last_id: Callable[[], Awaitable[int]]) -> None:
        self._page, self._last_id = page, last_id
        self._bell, self._news = asyncio.Event(), asyncio.Event()
        self._followers = 0
        self._forget()

    def wake(self) -> None:
        self._bell.set()

    async def tail(self, after: int, match: EventFilter) -> AsyncGenerator[Event, None]:
        async with self._following():
            position = after
            while True:
                batch, position = await self._next(position, match)
                for event in batch:
                    yield event
                if position >= self._last:
                    await self._news.wait()

    async def _next(self, position: int, match: EventFilter) -> tuple[Sequence[Event], int]:
        """Matching events after `position`, and how far that covers the log."""
        known = self._last  # committed before we read: nothing below can still appear
        if position >= self._floor:
            fresh = list(takewhile(lambda event: event.id > position, reversed(self._window)))
            return [event for event in reversed(fresh) if matches(event, match)], max(position, known)
        batch = await self._page(position, _PAGE, match)
        if len(batch) == _PAGE:
            return batch, batch[-1].id
        return batch, max(known, batch[-1].id if batch else position)

    @asynccontextmanager
    async def _following(self) -> AsyncIterator[None]:
        if not self._followers:
            self._reader = asyncio.create_task(self._read(), name="events tail")
        self._followers += 1
        try:
            yield
        finally:
            self._followers -= 1
            if not self._followers:
                self._reader.cancel()
                self._forget()

    def _forget(self) -> None:
        self._window: deque[Event] = deque()
        self._floor = self._last = -1

    async def _read(self) -> None:
        while True:
            self._bell.clear()
            try:
                if await self._read_more():
                    continue
            except KyrosError as error:
                get_log("kyros.events").warning("the log could not be read", error=error.message)
            with suppress(TimeoutError):
                async with asyncio.timeout(_POLL_SECONDS):
                    await self._bell.wait()

    async def _read_more(self) -> bool:
        """Bring the window up to date by one page; true when there may be more."""
        if self._last < 0:
            self._floor = self._last = await self._last_id()
            fresh: list[Event] = []
        else:
            fresh = await self._page(self._last, _PAGE, EventFilter())
            if not fresh:
                return False
        self._window.extend(fresh)
        self._last = fresh[-1].id if fresh else self._last
        while len(self._window) > _RECENT:
            self._floor = self._window.popleft().id
        self._news, told = asyncio.Event(), self._news
        told.set()
        return len(fresh) == _PAGE
