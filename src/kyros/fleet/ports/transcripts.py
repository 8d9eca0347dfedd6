"""What was said and done in the turns of a run, a line each."""

from collections.abc import Sequence
from typing import Protocol

from kyros.drivers.model import Entry
from kyros.fleet.model import Line


class Transcript(Protocol):
    """The append-only transcript of one run; later turns are appended to it."""

    def note(self, turn_id: str, at: str, entry: Entry) -> None:
        """One write, seen whole or not at all. Never raises; past the limit only ends are kept, and the
        transcript says so."""
        ...

    def close(self) -> None: ...


class Transcripts(Protocol):
    def open(self, run_id: str) -> Transcript: ...


class TranscriptFiles(Protocol):
    """Reads transcripts, also while they grow."""

    def read(self, run_id: str, after: int, limit: int, turn_id: str | None) -> Sequence[Line]:
        """At most `limit` lines with a number above `after`, of one turn or of all; blocking."""
        ...
