"""Where one reader stands at the end of the log: in the shared window, or behind it in the table."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from kyros.events.errors import EventsForgotten
from kyros.events.model import Event, EventFilter
from kyros.events.model.line import frame_of, reset_frame, still_here_frame
from kyros.events.store.view import ENOUGH_BYTES, View

PAGE = 500
_FIRST_PAGE = 50
"""Who resumes sees something at once."""
SILENCE_SECONDS = 15
PATIENCE_SECONDS = 30

Look = Callable[[int, int, EventFilter], Awaitable[tuple[int, list[Event]]]]
"""The log's first number, and a page: events after a number, at most so many."""


class End(Protocol):
    """The shared end of the log: the window holds every event with `floor` < id <= `last`; `seconds` is a
    coarse clock for all readers together."""

    floor: int
    last: int
    seconds: int
    is_over: bool
    look: Look


class Place:
    """A position and a view of the log's end. It waits without holding anything but a future."""

    def __init__(self, live: End, view: View, after: int) -> None:
        self.position = after
        self._live, self._view = live, view
        self._waiter: asyncio.Future[None] | None = None
        self._size = _FIRST_PAGE

    def wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def events(self) -> Sequence[Event]:
        """The next matching events; may be none of them, call again. Raises EventsForgotten."""
        if not self._in_window:
            return await self._page()
        found, self.position = self._view.events_after(self.position)
        if not found:
            await self._wait()
        return found

    @property
    def _in_window(self) -> bool:
        return self.position >= self._live.floor

    async def _wait(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        self._view.waiting[self] = None
        try:
            await self._waiter
        finally:
            self._waiter = None
            self._view.waiting.pop(self, None)

    async def _page(self) -> list[Event]:
        known = self._live.last  # committed before we read: nothing below can still appear
        size, self._size = self._size, min(PAGE, 2 * self._size)
        first, batch = await self._live.look(self.position, size, self._view.match)
        if first > self.position + 1:
            raise EventsForgotten(
                f"Events up to {first - 1} are no longer in the log: read the state afresh, and go on from "
                "the log's end.",
                first_id=first,
            )
        reached = batch[-1].id if batch else self.position
        self.position = reached if len(batch) == size else max(reached, known)
        return batch


class LiveFollower(Place):
    """ports.Follower. It is told of each second, so that no reader needs a clock of its own."""

    def __init__(self, live: End, view: View, after: int) -> None:
        super().__init__(live, view, after)
        self.dropped = False
        self._task = asyncio.current_task()
        self._closed = False
        self._taking: int | None = None
        self._heard = live.seconds
        self._nearest, self._nearest_at = 0, live.seconds

    async def read(self) -> bytes | None:
        self._taking = None
        while not (self._closed or self._live.is_over):
            if self._in_window:
                messages, self.position = self._view.messages_after(self.position)
            else:
                messages = await self._messages_of_page()
            if messages or self._is_due:
                self._heard = self._taking = self._live.seconds
                return messages or still_here_frame(self.position)
            if self._in_window:
                await self._wait()
        return None

    def close(self) -> None:
        self._closed = True
        self.wake()

    def tick(self) -> None:
        """A second has passed: say that we are still here, or give up on a reader that is too slow."""
        seconds = self._live.seconds
        stuck = self._taking is not None and seconds - self._taking > PATIENCE_SECONDS
        if stuck or self._stays_behind(seconds):
            self.dropped = True
            if self._task is not None:
                self._task.cancel()
        elif self._waiter is not None and self._is_due:
            self._view.waiting.pop(self, None)
            self.position = max(self.position, self._view.covered)
            self.wake()

    @property
    def _is_due(self) -> bool:
        return self._live.seconds - self._heard >= SILENCE_SECONDS

    def _stays_behind(self, seconds: int) -> bool:
        """Whether, behind the window, it has come no nearer to it for long."""
        lag = 0 if self._in_window else self._live.last - self.position
        if not lag or not self._nearest or lag < self._nearest:
            self._nearest, self._nearest_at = lag, seconds
        return lag > 0 and seconds - self._nearest_at > PATIENCE_SECONDS

    async def _messages_of_page(self) -> bytes:
        """Of large ones only the first of the page: the next read begins behind them."""
        try:
            page = await self._page()
        except EventsForgotten:
            self.position = max(self.position, self._live.last)
            return reset_frame(self.position)
        frames: list[bytes] = []
        size_bytes = 0
        for event in page:
            frames.append(frame_of(event))
            size_bytes += len(frames[-1])
            if size_bytes >= ENOUGH_BYTES and event is not page[-1]:
                self.position = event.id
                break
        return b"".join(frames)
