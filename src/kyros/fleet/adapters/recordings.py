"""Append-only asciicast v2 files, one a run, and the nudge that more can be read."""

import asyncio
import codecs
import json
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from kyros.fleet.model.retention import Kept
from kyros.infra.files import replace_file

_LIMIT_BYTES = 64 * 1024 * 1024
_KEPT = (".cast", ".jsonl")


class CastRecordings:
    """ports.Recordings as `<folder>/<run_id>.cast`; `nudge(run_id)` is called after each append."""

    def __init__(self, folder: Path, nudge: Callable[[str], None]) -> None:
        self._folder = folder
        self._nudge = nudge

    def open(self, run_id: str, columns: int, rows: int) -> "CastRecording":
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return CastRecording(self._folder / f"{run_id}.cast", columns, rows, lambda: self._nudge(run_id))


class CastFiles:
    """ports.RecordingFiles over the same folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path_of(self, run_id: str) -> Path | None:
        path = self._folder / f"{run_id}.cast"
        return path if path.is_file() else None

    def gone_since(self, run_id: str) -> str | None:
        try:
            return (self._folder / f"{run_id}.gone").read_text().strip()
        except FileNotFoundError:
            return None

    def read_lines(self, run_id: str, offset: int, limit_bytes: int) -> Sequence[tuple[int, bytes]]:
        path = self.path_of(run_id)
        if path is None:
            return []
        with path.open("rb") as file:
            file.seek(offset)
            found = []
            for line in file:
                if not line.endswith(b"\n"):
                    break
                offset += len(line)
                found.append((offset, line))
                limit_bytes -= len(line)
                if limit_bytes <= 0:
                    break
            return found


class FileShelf:
    """ports.RecordingShelf over the same folder: `<run_id>.gone` stays where files were."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def list(self) -> Sequence[Kept]:
        return await asyncio.to_thread(self._list)

    async def drop(self, run_id: str, at: str) -> None:
        await asyncio.to_thread(self._drop, run_id, at)

    def _list(self) -> Sequence[Kept]:
        found: dict[str, Kept] = {}
        for path in self._folder.glob("*"):
            if path.suffix not in _KEPT:
                continue
            with suppress(FileNotFoundError):
                stat = path.stat()
                touched = datetime.fromtimestamp(stat.st_mtime, UTC)
                other = found.get(path.stem, Kept(path.stem, 0, touched))
                found[path.stem] = Kept(
                    path.stem, other.size_bytes + stat.st_size, max(touched, other.touched_at)
                )
        return list(found.values())

    def _drop(self, run_id: str, at: str) -> None:
        for suffix in _KEPT:
            (self._folder / f"{run_id}{suffix}").unlink(missing_ok=True)
        replace_file(self._folder / f"{run_id}.gone", at.encode())  # last: a full disk has room for it now


class CastRecording:
    """Each event is one unbuffered write, so a reader sees whole lines and a crash loses none."""

    def __init__(self, path: Path, columns: int, rows: int, nudge: Callable[[], None]) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._nudge = nudge
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._size = os.fstat(self._file).st_size
        self._began = time.time()
        if self._size == 0:
            header = {"version": 2, "width": columns, "height": rows, "timestamp": int(self._began)}
            self._append(json.dumps(header))
        else:
            self._began = _began(path)
            if _is_torn(path):  # a kill in the middle of a line: ours begins on its own
                self._append("")

    def write(self, data: bytes) -> None:
        if text := self._decoder.decode(data):
            self._event("o", text)

    def mark(self, label: str) -> None:
        self._event("m", label)

    def resize(self, columns: int, rows: int) -> None:
        self._event("r", f"{columns}x{rows}")

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _event(self, kind: str, text: str) -> None:
        if self._size > _LIMIT_BYTES:
            return
        line = json.dumps([round(time.time() - self._began, 6), kind, text], ensure_ascii=False)
        self._append(line)
        if self._size > _LIMIT_BYTES:
            self._append(json.dumps([round(time.time() - self._began, 6), "m", "recording is full"]))
        self._nudge()

    def _append(self, line: str) -> None:
        """A recording that cannot be written ends here; the work it shows goes on."""
        try:
            self._size += os.write(self._file, line.encode() + b"\n")
        except OSError:
            self._size = _LIMIT_BYTES + 1


def _is_torn(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


def _began(path: Path) -> float:
    with path.open("rb") as file:
        try:
            return float(json.loads(file.readline())["timestamp"])
        except (ValueError, KeyError, TypeError):
            return time.time()
