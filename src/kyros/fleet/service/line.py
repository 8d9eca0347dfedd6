"""Those who wait for a session: served in the order they came, and only so many of them."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

from kyros.fleet.errors import PoolBusy
from kyros.fleet.model.pool import RETRY_SECONDS

W = TypeVar("W")
G = TypeVar("G")


class Line(Generic[W, G]):
    """`grant(wish)` gives what was wished for, or None when it is not to be had now; `undo` takes back what
    somebody was granted who had left meanwhile."""

    def __init__(self, limit: int, grant: Callable[[W], G | None], undo: Callable[[G], None]) -> None:
        self._limit = limit
        self._grant = grant
        self._undo = undo
        self._waiting: deque[tuple[W, asyncio.Future[G]]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    async def enter(self, wish: W, wait_seconds: float | None) -> G:
        """Raises PoolBusy: too many wait already, or nothing was granted in time (None: whenever)."""
        if not self._waiting and (granted := self._grant(wish)) is not None:
            return granted
        if len(self._waiting) >= self._limit:
            raise _busy(f"{self._limit} wait for a session already")
        place = (wish, asyncio.get_running_loop().create_future())
        self._waiting.append(place)
        try:
            async with asyncio.timeout(wait_seconds):
                return await asyncio.shield(place[1])
        except TimeoutError:
            self._leave(place)
            raise _busy(f"no session was free within {wait_seconds:g} s") from None
        except asyncio.CancelledError:
            self._leave(place)
            raise

    def serve(self) -> None:
        """Something may be free: whoever is first gets it, and the next only after them."""
        while self._waiting:
            wish, answer = self._waiting[0]
            granted = self._grant(wish)
            if granted is None:
                return
            self._waiting.popleft()
            answer.set_result(granted)

    def dismiss(self, error: Exception) -> None:
        """Nobody is served any more."""
        while self._waiting:
            self._waiting.popleft()[1].set_exception(error)

    def _leave(self, place: tuple[W, asyncio.Future[G]]) -> None:
        with suppress(ValueError):
            self._waiting.remove(place)
        answer = place[1]
        if answer.done() and answer.exception() is None:
            self._undo(answer.result())
        elif not answer.done():
            answer.cancel()
        self.serve()


def _busy(what: str) -> PoolBusy:
    return PoolBusy(
        f"The pool is busy: {what}. Try again later, or raise KYROS_POOL_MAX.",
        retry_after_seconds=RETRY_SECONDS,
    )
