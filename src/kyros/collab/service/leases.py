"""Leases for other rooms and for the doors: taken at once or in line, kept, given back, swept on a beat."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any, Generic, TypeVar

from kyros.collab.errors import LeaseHeld, LeaseNotFound
from kyros.collab.model import Fence, Lease, Reclaim
from kyros.collab.ports import Board, CollabStore
from kyros.collab.service import holding
from kyros.collab.service.holding import Wish, check_writer
from kyros.kernel.ids import NewId, new_id

__all__ = ["TOPIC", "Leases", "Wish", "check_writer"]

TOPIC = holding.TOPIC
T = TypeVar("T")

_LOOK_SECONDS = 2.0
_ABSENT = timedelta(seconds=30)
_SWEPT = 100
_KYROS = "kyros"


class Leases:
    """Hand `wake` to whoever hears of commits, here and in other processes; without it those who wait look
    again every two seconds. A server calls `resume` once and then `beat` every few seconds."""

    def __init__(
        self, store: CollabStore, new_id: NewId = new_id, look_seconds: float = _LOOK_SECONDS
    ) -> None:
        self.store = store
        self._new_id = new_id
        self._look_seconds = look_seconds
        self._news = asyncio.Event()

    def wake(self) -> None:
        """Somebody gave back, lost or waited for something: look now."""
        self._news, told = asyncio.Event(), self._news
        told.set()

    async def acquire(
        self, resources: Sequence[str], holder: str, ttl_seconds: float, wait_seconds: float = 0.0
    ) -> Sequence[Lease]:
        """All of them or none, in the order asked; what the holder has already keeps its token. Raises
        LeaseHeld, at once or after having waited, and ResourceInvalid."""
        wish = Wish(resources, holder, ttl_seconds)
        return await self.take(wish, wait_seconds, lambda board: None, lambda board, leases: leases)

    async def take(
        self,
        wish: Wish,
        wait_seconds: float,
        before: Callable[[Board], T | None],
        finish: Callable[[Board, Sequence[Lease]], T],
    ) -> T:
        """As `acquire`, with what belongs into the same transactions: what `before` returns, unless None, is
        the answer and nothing is taken; else it is what `finish` makes of the leases."""
        place = _Place(self._new_id, wish, before, finish)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait_seconds
        try:
            while True:
                news = self._news  # taken before we look: what happens while we look is not missed
                left = deadline - loop.time()
                await self.store.write(partial(place.try_once, left_seconds=left))
                if place.answer is not None:
                    return place.answer
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(left, self._look_seconds, place.retry_seconds)):
                        await news.wait()
        finally:
            if wait_seconds > 0 and place.answer is None:
                await asyncio.shield(self.store.write(place.leave))

    async def heartbeat(self, holder: str, resources: Sequence[str]) -> None:
        """Raises LeaseLost, then none is kept."""
        await self.store.write(lambda board: holding.heartbeat(board, holder, resources))

    async def release(self, holder: str, resources: Sequence[str]) -> None:
        """What somebody else holds, or nobody, is left alone."""
        await self.store.write(lambda board: holding.release(board, holder, resources))

    async def void(self, holder_prefix: str, except_holder: str) -> int:
        """Take back all leases whose holder begins so, being gone; returns how many."""

        def work(board: Board) -> int:
            gone = [one for one in board.leases_by(holder_prefix) if one.holder != except_holder]
            holding.take_back(board, gone, except_holder, Reclaim.HOLDER_GONE)
            return len(gone)

        return await self.store.write(work)

    def check_in(self, transaction: Any, fence: Fence) -> None:
        """In another store's transaction: raise LeaseLost unless the fence's lease is live."""
        holding.check_fence(self.store.board(transaction), fence)

    async def resume(self) -> None:
        """Back in service: leases that were live when the store was last in service get one TTL from now."""

        def work(board: Board) -> None:
            holding.give_grace(board)
            board.beat()

        await self.store.write(work)

    async def beat(self) -> None:
        """Note that the store is in service, then take back what has run out, a bounded number at a time. A
        long silence before, of a laptop that slept for one, counts as time out of service."""
        await self.store.write(_note_service)
        locks = await self.store.read(holding.locks_to_mend)

        def work(board: Board) -> None:
            holding.mend(board, locks[:_SWEPT], _KYROS)
            holding.dismiss_gone(board)

        waiters = await self.store.read(lambda view: view.waiters())
        if locks or waiters:
            await self.store.write(work)


def reclaim_expired(board: Board, actor: str) -> Sequence[Lease]:
    """Take back all that has run out."""
    expired = [lease for lease in board.all_leases() if not lease.is_live(board.now)]
    holding.take_back(board, expired, actor, Reclaim.EXPIRED)
    return expired


def reclaim_lock(board: Board, lock_id: str, actor: str) -> Sequence[Lease]:
    """Take back one lock, live or not. Raises LeaseNotFound."""
    leases = board.leases_of(lock_id)
    if not leases:
        raise LeaseNotFound(
            f"Nobody holds {lock_id}: `kyros lease list` shows what is held.", lock_id=lock_id
        )
    is_live = any(lease.is_live(board.now) for lease in leases)
    holding.take_back(board, leases, actor, Reclaim.BY_OPERATOR if is_live else Reclaim.EXPIRED)
    return leases


def reclaim_resource(board: Board, resource: str, actor: str) -> Sequence[Lease]:
    """Take back the whole lock that a resource is under: it stands or falls as one. Raises LeaseNotFound."""
    found = board.leases_on([resource])
    if not found:
        raise LeaseNotFound(
            f"Nobody holds {resource}: `kyros lease list` shows what is held.", resource=resource
        )
    return reclaim_lock(board, found[0].lock_id, actor)


class _Place(Generic[T]):
    """A wish on its way: perhaps in line, in the end with its answer. Written in the store's transactions,
    one after the other."""

    def __init__(
        self,
        new_id: NewId,
        wish: Wish,
        before: Callable[[Board], T | None],
        finish: Callable[[Board, Sequence[Lease]], T],
    ) -> None:
        self._new_id = new_id
        self._wish = wish
        self._before = before
        self._finish = finish
        self._ticket: int | None = None
        self.answer: T | None = None
        self.retry_seconds = 0.0

    def try_once(self, board: Board, left_seconds: float) -> None:
        """Take it, or stand in line for as long as is left. Raises LeaseHeld when nothing is."""
        known = self._before(board)
        if known is not None:
            self.leave(board)
            self.answer = known
            return
        try:
            leases = holding.acquire(board, self._wish, self._ticket, self._new_id)
        except LeaseHeld as held:
            if left_seconds <= 0:
                raise
            self._stand(board, left_seconds, held)
            return
        self.answer = self._finish(board, leases)

    def leave(self, board: Board) -> None:
        """Those behind move up."""
        if self._ticket is not None:
            board.drop_waiter(self._ticket)
            board.touch(TOPIC)

    def _stand(self, board: Board, left_seconds: float, held: LeaseHeld) -> None:
        until = board.now + timedelta(seconds=left_seconds)
        self._ticket = holding.stand_in_line(board, self._wish, self._ticket, until).ticket
        self.retry_seconds = float(str(held.facts["retry_after_ms"])) / 1_000


def _note_service(board: Board) -> None:
    last = board.last_beat()
    if last is not None and board.now - last > _ABSENT:
        holding.give_grace(board)
    board.beat()
