"""What a terminal showed, as files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from kyros.fleet.model.retention import Kept


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

    def gone_since(self, run_id: str) -> str | None:
        """When they were let go of (RFC 3339); None when they never were."""
        ...

    def read_lines(self, run_id: str, offset: int, limit_bytes: int) -> Sequence[tuple[int, bytes]]:
        """Whole lines from byte `offset`, each with the offset after it; blocking."""
        ...


class RecordingShelf(Protocol):
    """What is kept of all runs: recordings and transcripts."""

    async def list(self) -> "Sequence[Kept]":
        """A line for each run that has any."""
        ...

    async def drop(self, run_id: str, at: str) -> None:
        """Remove all of the run and remember when. Idempotent."""
        ...
