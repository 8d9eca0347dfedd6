"""How long a turn may take: time in which a person is awaited does not count."""

import asyncio
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


class Deadline:
    """Of one turn. It may stand still for several reasons at once, and goes on when the last is over."""

    def __init__(self, seconds: float) -> None:
        self._left_seconds = seconds
        self._running: asyncio.Timeout | None = None
        self._pauses = 0

    async def limit(self, work: Awaitable[T]) -> T:
        """What `work` yields; when time is up it is cancelled, and TimeoutError raised."""
        async with asyncio.timeout(self._left_seconds) as self._running:
            return await work

    @property
    def is_up(self) -> bool:
        return self._running is not None and self._running.expired()

    @contextmanager
    def paused(self) -> Iterator[None]:
        self._pauses += 1
        if self._pauses == 1:
            self._stand_still()
        try:
            yield
        finally:
            self._pauses -= 1
            if self._pauses == 0:
                self._go_on()

    def _stand_still(self) -> None:
        due = self._running.when() if self._running else None
        if self._running is not None and due is not None and not self.is_up:
            self._left_seconds = due - asyncio.get_running_loop().time()
            self._running.reschedule(None)

    def _go_on(self) -> None:
        if self._running is not None and self._running.when() is None and not self.is_up:
            self._running.reschedule(asyncio.get_running_loop().time() + self._left_seconds)
