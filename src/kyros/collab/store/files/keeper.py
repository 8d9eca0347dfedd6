"""One round of keeping the files: lock, look for a foreign hand, read what is new, replace, note."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from typing import TypeVar

import structlog

from kyros.collab.errors import StateFileRefused, StateUnusable
from kyros.collab.model import HandEdit, Kind
from kyros.collab.ports import Board, TakeEdit
from kyros.collab.store.files.folder import ChangedMeanwhile, Sign, StateFolder, Written
from kyros.collab.store.files.pages import Journal, News, Pages
from kyros.collab.store.files.sheet import read_sheet
from kyros.collab.store.files.tables import fact, put_fact
from kyros.events.model import NewEvent
from kyros.infra.telemetry import get_log
from kyros.kernel.clock import Clock
from kyros.kernel.errors import Conflict, Denied, Invalid, KyrosError, NotFound, Stale

T = TypeVar("T")

_PATIENCE_SECONDS = 20.0
_LOOK_SECONDS = 0.002
_REST_SECONDS = 0.05
_FRESH_NS = 1_000_000_000
_LOOKS = 40
_REFUSALS = (Invalid, Conflict, Stale, NotFound, Denied)


class Keeper:
    """The files of one folder, as this process keeps them. One round at a time."""

    def __init__(self, journal: Journal, folder: StateFolder, take: TakeEdit, now: Clock) -> None:
        self._journal, self._folder, self._take, self._now = journal, folder, take, now
        self._pages = Pages()
        self._signs: dict[Kind, Sign | None] = {}
        self._written: dict[Kind, Written] = {}
        self._shown: dict[Kind, int] = {}
        self._done_with: dict[Kind, Sign | None] = {}
        self._threads = ThreadPoolExecutor(1, "state-files")

    def is_foreign(self) -> bool:
        """Whether a file stands otherwise than this process knows: by another's hand, or another Kyros'."""
        try:
            return any(self._folder.look(kind) != self._signs.get(kind) for kind in Kind)
        except (OSError, StateUnusable):
            return True

    async def round(self, reads_now: Callable[[], None]) -> None:
        """Take or refuse hand edits, then bring the files to what is committed when `reads_now` is called.
        Raises StateUnusable, DiskFull, OSError and what the journal raises; nothing is half-written then."""
        await self._lock()
        try:
            for _ in range(_LOOKS):
                try:
                    return await self._look_and_bring(reads_now)
                except ChangedMeanwhile:
                    continue
            raise StateUnusable(
                f"Another program writes into {self._folder.root} all the time: stop it.",
                path=str(self._folder.root),
            )
        finally:
            self._folder.unlock()

    async def _look_and_bring(self, reads_now: Callable[[], None]) -> None:
        await self._admit()
        reads_now()
        news = await self._journal.read(lambda view: self._pages.news(view, self._journal))
        await self._refuse_newer(news)
        await self._in_thread(lambda: self._bring(news))

    def close(self) -> None:
        self._threads.shutdown(wait=True)
        self._folder.close()

    async def _lock(self) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not self._folder.try_lock():
            if time.monotonic() > deadline:
                raise StateUnusable(
                    f"Another process has held {self._folder.root}/.lock for {_PATIENCE_SECONDS:.0f} s: "
                    "is a Kyros stopped (not ended) there?",
                    path=str(self._folder.root),
                )
            await asyncio.sleep(_LOOK_SECONDS)

    # Foreign hands

    async def _admit(self) -> None:
        self._signs = {kind: self._folder.look(kind) for kind in Kind}
        noted = self._folder.written()
        self._written = {kind: one for kind, one in noted.items() if one.sign == self._signs[kind]}
        self._shown = {kind: one.revision for kind, one in self._written.items()}
        for kind, sign in self._signs.items():
            if sign is not None and kind not in self._written and not self._is_done_with(kind):
                await self._judge(kind)

    async def _judge(self, kind: Kind) -> None:
        """Somebody else wrote it, or we do not remember: its content tells."""
        raw = await self._at_rest(kind)
        try:
            edit = await self._in_thread(lambda: read_sheet(kind, raw))
            if edit.is_ours:
                self._shown[kind] = edit.revision
                return
            await self._journal.write(lambda board: self._adopt(board, edit, _mark(raw)))
            self._done_with[kind] = self._signs[kind]
            _log().info("state_file_taken", file=f"{kind.value}.json", items=len(edit.changed))
        except _REFUSALS as refusal:
            await self._refuse(kind, refusal)

    def _is_done_with(self, kind: Kind) -> bool:
        """Taken or refused already: only the replace is still to come, after a failed one perhaps."""
        return self._done_with.get(kind) == self._signs[kind]

    async def _at_rest(self, kind: Kind) -> bytes:
        """The file once whoever writes it is done: editors truncate first. Raises ChangedMeanwhile."""
        sign = self._signs[kind]
        assert sign is not None, "only files that are there are read"
        for _ in range(_LOOKS):
            if time.time_ns() - sign.mtime_ns > _FRESH_NS:
                break
            await asyncio.sleep(_REST_SECONDS)
            now = self._folder.look(kind)
            if now is None:
                raise ChangedMeanwhile
            if now == sign:
                break
            sign = now
        raw = await self._in_thread(lambda: self._folder.read(kind))
        if self._folder.look(kind) != sign:
            raise ChangedMeanwhile
        self._signs[kind] = sign
        return raw

    def _adopt(self, board: Board, edit: HandEdit, mark: str) -> None:
        """Once only: killed between this commit and the replace, the same text is found again."""
        name = f"taken:{edit.kind.value}"
        if fact(board.transaction, name) == mark:
            return
        self._take(board, edit)
        put_fact(board.transaction, name, mark)

    async def _refuse_newer(self, news: News) -> None:
        """A restored database must not wipe out files that know more than it does."""
        for kind, revision in self._shown.items():
            if revision > news.revisions[kind].number and not self._is_done_with(kind):
                why = "it is newer than the database, which came from a backup perhaps"
                await self._refuse(kind, StateFileRefused(why))

    async def _refuse(self, kind: Kind, refusal: KyrosError) -> None:
        """Keep it aside and say so; the replace that follows puts the good content back."""
        kept = await self._in_thread(lambda: self._folder.set_aside(kind, self._now()))
        file, reason = f"{kind.value}.json", refusal.message.rstrip(".")
        self._written.pop(kind, None)
        told = NewEvent("state_file_refused", "kyros", file, {"file": file, "reason": reason, "kept": kept})
        await self._journal.write(lambda board: board.tell(told))
        self._done_with[kind] = self._signs[kind]
        _log().warning("state_file_refused", file=file, reason=reason, kept=str(self._folder.root / kept))

    # Our own

    def _bring(self, news: News) -> None:
        """Replace each file that shows another revision than the rows have, and note what was written."""
        if self._pages.is_new:
            self._folder.sweep()
        self._pages.take(news)
        for kind in Kind:
            number, written = self._pages.revisions[kind].number, self._written.get(kind)
            if written is None or written.revision != number:
                sign = self._folder.replace(kind, self._pages.text(kind), self._signs[kind])
                self._signs[kind], self._written[kind] = sign, Written(sign, number)
                self._folder.note(self._written)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _mark(raw: bytes) -> str:
    return blake2b(raw, digest_size=16).hexdigest()


def _log() -> structlog.stdlib.BoundLogger:
    return get_log("kyros.collab")
