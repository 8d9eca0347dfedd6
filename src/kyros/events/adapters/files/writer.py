"""Writes `events.jsonl`: one process at a time, whole batches, each line naming the one before it."""

import asyncio
import fcntl
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from kyros.events.adapters.files.folder import Folder
from kyros.events.adapters.files.repair import BATCH_BYTES, cut_unfinished, last_line
from kyros.events.errors import EventFileTaken
from kyros.events.model import Event
from kyros.events.model.line import NO_LINE, digest_of_line, line_of, read_line
from kyros.events.ports import Repair
from kyros.infra.files import append_whole, sync_folder

T = TypeVar("T")


class JsonlFile:
    """ports.EventFile. `chained`: each line bears the digest of the one before it as `prev`. A file that
    has reached `size_bytes` becomes a segment, and the next line begins a new one."""

    def __init__(self, folder: Path, *, size_bytes: int, chained: bool) -> None:
        self._folder = Folder(folder)
        self._size_bytes, self._chained = size_bytes, chained
        self._turn = threading.Lock()
        self._lock = self._file = -1
        self._last: bytes | None = None

    async def open(self) -> Repair | None:
        return await self._alone(self._open)

    async def close(self) -> None:
        await self._alone(self._close)

    async def last(self) -> Event | None:
        return await self._alone(self._last_event)

    async def append(self, events: Sequence[Event]) -> None:
        await self._alone(lambda: self._append(events))

    async def _alone(self, work: Callable[[], T]) -> T:
        """In a thread, one after the other: a caller that was cancelled may still be writing."""

        def whole() -> T:
            with self._turn:
                return work()

        return await asyncio.to_thread(whole)

    def _open(self) -> Repair | None:
        self._close()
        self._folder.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = _locked(self._folder.path / "events.lock")
        self._open_active()
        repair = cut_unfinished(self._file, self._folder.active)
        self._folder.complete_index()
        self._last = self._newest_line()
        return repair

    def _open_active(self) -> None:
        self._file = os.open(self._folder.active, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        sync_folder(self._folder.path)

    def _close(self) -> None:
        for file in (self._file, self._lock):
            if file >= 0:
                os.close(file)
        self._lock = self._file = -1

    def _newest_line(self) -> bytes | None:
        """Of the active file; of the newest segment right after a change of files."""
        segments = self._folder.segments()
        newest = last_line(self._file)
        if newest is not None or not segments:
            return newest
        with segments[-1][1].open("rb") as segment:
            return last_line(segment.fileno())

    def _last_event(self) -> Event | None:
        line = None if self._last is None else read_line(self._last)
        return None if line is None else line.event

    def _append(self, events: Sequence[Event]) -> None:
        newest_event = self._last_event()
        known = 0 if newest_event is None else newest_event.id
        for batch, newest in self._batches([event for event in events if event.id > known]):
            if os.fstat(self._file).st_size >= self._size_bytes:
                self._change_files()
            append_whole(self._file, batch, self._folder.active)
            self._last = newest

    def _batches(self, events: Sequence[Event]) -> Iterator[tuple[bytes, bytes]]:
        """Bytes for one write, and the newest line among them."""
        batch, line = bytearray(), self._last
        for event in events:
            line = line_of(event, self._prev(line))
            batch += line + b"\n"
            if len(batch) >= min(BATCH_BYTES, self._size_bytes):
                yield bytes(batch), line
                batch = bytearray()
        if batch and line is not None:
            yield bytes(batch), line

    def _prev(self, line: bytes | None) -> str | None:
        if not self._chained:
            return None
        return NO_LINE if line is None else digest_of_line(line)

    def _change_files(self) -> None:
        """Named by its first event the file is a segment. The index comes after: it can be made again."""
        with self._folder.active.open("rb") as active:
            first = read_line(active.readline().rstrip(b"\n"))
        if first is None:  # somebody wrote into it: the audit names the line, the log goes on
            return
        os.close(self._file)
        self._folder.active.rename(self._folder.segment_path(first.event.id))
        self._open_active()
        self._folder.complete_index()


def _locked(path: Path) -> int:
    """The lock's file; the kernel drops the lock with the process. Raises EventFileTaken."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        raise EventFileTaken(
            f"Another process writes {path.parent}: it goes on alone, this one takes over when it ends."
        ) from None
    return file
