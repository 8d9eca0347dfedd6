"""Transcripts as append-only files of JSON lines, one a run."""

import os
from collections.abc import Sequence
from pathlib import Path

from kyros.drivers.model import Entry, EntryKind
from kyros.fleet.model.transcript import LINE_BYTES, Line, decode, encode

LIMIT_BYTES = 64 * 1024 * 1024
FULL = "The transcript is full: what follows stands in the recording alone."


class JsonlTranscripts:
    """ports.Transcripts as `<folder>/<run_id>.jsonl`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, run_id: str) -> "JsonlTranscript":
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return JsonlTranscript(self._folder / f"{run_id}.jsonl")


class JsonlTranscript:
    """Goes on counting where the file ends."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._size = os.fstat(self._file).st_size
        self._seq = 0
        if self._size:
            self._go_on()

    def note(self, turn_id: str, at: str, entry: Entry) -> None:
        if self._size > LIMIT_BYTES and entry.kind is not EntryKind.END:
            return
        self._append(turn_id, at, entry)
        if self._size > LIMIT_BYTES and entry.kind is not EntryKind.END:
            self._append(turn_id, at, Entry(EntryKind.MESSAGE, FULL, details={"full": True}))

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _append(self, turn_id: str, at: str, entry: Entry) -> None:
        """A transcript that cannot be written ends here; the work it tells of goes on."""
        try:
            line = encode(Line(self._seq + 1, at, turn_id, entry))
            self._size += os.write(self._file, line + b"\n")
            self._seq += 1
        except OSError:
            self._size = LIMIT_BYTES + 1

    def _go_on(self) -> None:
        """A line that a kill tore gets its end, and counts for nothing."""
        length = min(self._size, 2 * LINE_BYTES)
        tail = os.pread(self._file, length, self._size - length)
        if not tail.endswith(b"\n"):
            self._size += os.write(self._file, b"\n")
        lines = (decode(data) for data in reversed(tail.split(b"\n")))
        self._seq = next((line.seq for line in lines if line is not None), 0)


class JsonlTranscriptFiles:
    """ports.TranscriptFiles over the same folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, run_id: str, after: int, limit: int, turn_id: str | None) -> Sequence[Line]:
        found: list[Line] = []
        try:
            file = (self._folder / f"{run_id}.jsonl").open("rb")
        except FileNotFoundError:
            return found
        with file:
            for data in file:
                if len(found) >= limit:
                    break
                if not data.endswith(b"\n") or _seq_of(data) <= after:
                    continue
                line = decode(data)
                if line is not None and turn_id in (None, line.turn_id):
                    found.append(line)
        return found


def _seq_of(data: bytes) -> int:
    """Read off the line's beginning: a page far down is found without taking every line apart."""
    number = data[:30].partition(b":")[2].partition(b",")[0].strip()
    return int(number) if number.isdigit() else 0
