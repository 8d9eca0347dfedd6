"""What a terminal showed, as files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol


class Recording(Protocol):
    """The append-only asciicast of one run; later turns are appended to it."""

    def write(self, data: bytes) -> None:
        """Terminal bytes as printed, cut anywhere. Never blocks for long; past the limit they are dropped
        and the recording says so."""
        ...

    def mark(self, label: str) -> None: ...

    def resize(self, columns: int, rows: int) -> None:
        """The window has this size from now on."""
        ...

    def close(self) -> None: ...


class Recordings(Protocol):
    def open(self, run_id: str, columns: int, rows: int) -> Recording: ...


class RecordingFiles(Protocol):
    """Reads recordings, whole or as they grow."""

    def path_of(self, run_id: str) -> Path | None: ...

    def read_lines(self, run_id: str, offset: int, limit_bytes: int) -> Sequence[tuple[int, bytes]]:
        """Whole lines from byte `offset`, each with the offset after it; blocking."""
        ...
