"""Collab's state in files: the rows are the journal, the files follow before a write is answered."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from kyros.collab.ports import Board, TakeEdit, View
from kyros.collab.store.files.folder import StateFolder
from kyros.collab.store.files.keeper import Keeper
from kyros.collab.store.files.pages import Journal
from kyros.infra.telemetry import get_log
from kyros.kernel.clock import Clock, utc_now
from kyros.kernel.errors import KyrosError

T = TypeVar("T")

TOPIC = "collab"
"""Touched by writes in other stores' transactions: hand `wake` to whoever hears of commits."""

_WATCH_SECONDS = 1.0
_FIRST_RETRY_SECONDS = 0.5
_LAST_RETRY_SECONDS = 30.0


class FileCollabStore:
    """The CollabStore of a home that keeps its state in files. `open` it first and `close` it.

    Should the files not be writable, writes are answered all the same: they are durable in the rows.
    `trouble` says so until a retry has brought the files up to date."""

    def __init__(self, journal: Journal, folder: Path, take: TakeEdit, now: Clock = utc_now) -> None:
        self._journal = journal
        self._keeper = Keeper(journal, StateFolder(folder), take, now)
        self._in_turn = asyncio.Lock()
        self._coming: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._retry: asyncio.TimerHandle | None = None
        self._retry_seconds = _FIRST_RETRY_SECONDS
        self._closed = False
        self.trouble: str | None = None

    async def open(self) -> None:
        """Bring the files up to date with what was committed, and take what was edited meanwhile."""
        await self._settle()

    async def close(self) -> None:
        """Finish what is under way. Closing twice is fine."""
        if self._closed:
            return
        self._closed = True
        if self._retry is not None:
            self._retry.cancel()
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        self._keeper.close()

    async def watch(self) -> None:
        """For ever: look for hand edits once a second."""
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            if self._keeper.is_foreign():
                await self._settle()

    def wake(self) -> None:
        """Something was committed elsewhere: bring it to the files, in the background."""
        if not self._closed:
            self._next_round()

    async def read(self, work: Callable[[View], T]) -> T:
        return await self._journal.read(work)

    async def write(self, work: Callable[[Board], T]) -> T:
        if self._keeper.is_foreign():
            await self._settle()
        try:
            done = await self._journal.write(work)
        except asyncio.CancelledError:
            self._keep(asyncio.create_task(self._settle_later(), name="state files"))
            raise
        await self._settle()
        return done

    def board(self, transaction: Any) -> Board:
        board = self._journal.board(transaction)
        board.touch(TOPIC)
        return board

    async def _settle_later(self) -> None:
        """A write whose caller was cancelled may be done all the same: once the one behind it is."""
        with suppress(KyrosError):  # the database is closing, or has told everybody else
            await self._journal.write(lambda board: None)
            self.wake()

    async def _settle(self) -> None:
        """Return once the files show what is committed by now, or it is known why they cannot."""
        await asyncio.shield(self._next_round())

    def _next_round(self) -> asyncio.Task[None]:
        """The round that has not read yet: all who come before it does share it."""
        if self._coming is None:
            self._coming = self._keep(asyncio.create_task(self._round(), name="state files"))
        return self._coming

    def _keep(self, task: asyncio.Task[None]) -> asyncio.Task[None]:
        """The loop alone would forget it."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _round(self) -> None:
        me = asyncio.current_task()

        def reads_now() -> None:
            if self._coming is me:
                self._coming = None

        async with self._in_turn:
            try:
                await self._keeper.round(reads_now)
                self._is_well()
            except Exception as error:  # the write itself is durable: its caller has nothing to mend
                self._is_ill(error)
            finally:
                reads_now()

    def _is_well(self) -> None:
        if self.trouble is not None:
            get_log("kyros.collab").info("state_files_written_again")
        self.trouble, self._retry_seconds = None, _FIRST_RETRY_SECONDS

    def _is_ill(self, error: Exception) -> None:
        said = error.message if isinstance(error, KyrosError) else str(error) or type(error).__name__
        if said != self.trouble:
            cause = None if isinstance(error, KyrosError | OSError) else error
            get_log("kyros.collab").error("state_files_behind", reason=said, exc_info=cause)
        self.trouble = said
        if self._retry is not None:
            self._retry.cancel()
        if not self._closed:
            self._retry = asyncio.get_running_loop().call_later(self._retry_seconds, self.wake)
        self._retry_seconds = min(self._retry_seconds * 2, _LAST_RETRY_SECONDS)
