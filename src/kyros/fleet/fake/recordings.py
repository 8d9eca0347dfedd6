"""Recordings and transcripts in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from kyros.drivers.model import Entry
from kyros.fleet.model import (
    Line,
)
from kyros.fleet.model.retention import Kept
from kyros.fleet.model.transcript import decode, encode


@dataclass
class FakeRecording:
    """What one run's terminal said, over all its turns."""

    output: bytes = b""
    marks: list[str] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    is_open: bool = True

    def write(self, data: bytes) -> None:
        self.output += data

    def mark(self, label: str) -> None:
        self.marks.append(label)

    def resize(self, columns: int, rows: int) -> None:
        self.sizes.append((columns, rows))

    def close(self) -> None:
        self.is_open = False


@dataclass
class FakeRecordings:
    """ports.Recordings by run."""

    of: dict[str, FakeRecording] = field(default_factory=dict)

    def open(self, run_id: str, columns: int, rows: int) -> FakeRecording:
        recording = self.of.setdefault(run_id, FakeRecording())
        recording.is_open = True
        return recording


@dataclass
class FakeTranscripts:
    """ports.Transcripts and TranscriptFiles by run."""

    of: dict[str, list[Line]] = field(default_factory=dict)

    def open(self, run_id: str) -> "FakeTranscript":
        return FakeTranscript(self.of.setdefault(run_id, []))

    def read(self, run_id: str, after: int, limit: int, turn_id: str | None) -> Sequence[Line]:
        lines = [line for line in self.of.get(run_id, []) if line.seq > after]
        return [line for line in lines if turn_id in (None, line.turn_id)][:limit]


@dataclass
class FakeTranscript:
    lines: list[Line]

    def note(self, turn_id: str, at: str, entry: Entry) -> None:
        line = decode(encode(Line(len(self.lines) + 1, at, turn_id, entry)))
        assert line is not None
        self.lines.append(line)

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class FakeShelf:
    """ports.RecordingShelf by run; `gone` says when."""

    kept: dict[str, Kept] = field(default_factory=dict)
    gone: dict[str, str] = field(default_factory=dict)

    async def list(self) -> "Sequence[Kept]":
        return [*self.kept.values()]

    async def drop(self, run_id: str, at: str) -> None:
        self.kept.pop(run_id, None)
        self.gone[run_id] = at
