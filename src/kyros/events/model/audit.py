"""Whether the lines of the event files are what was once written: one after the other, each on its own."""

from dataclasses import dataclass

from kyros.events.model.event import Event
from kyros.events.model.line import NO_LINE, digest_of_line, line_of, read_line


@dataclass(frozen=True)
class Fault:
    """The first line that is not as it should be. `line` counts from 1 within the file."""

    file: str
    line: int
    event_id: int | None
    reason: str


class Audit:
    """Looks at every line in order. `head` is the digest of the newest: who keeps it elsewhere sees later
    whether everything up to it is untouched. `unchained` lines bear no `prev` and prove nothing."""

    def __init__(self) -> None:
        self.first = self.last = 0
        self.chained = self.unchained = 0
        self.head = NO_LINE

    def look(self, file: str, number: int, raw: bytes) -> Event | Fault:
        """The line's event, or what is wrong with it."""
        line = read_line(raw)
        if line is None:
            return Fault(file, number, None, "it is no event")
        event = line.event
        if line_of(event, line.prev) != raw:
            return Fault(file, number, event.id, "it is not written as Kyros writes it")
        if self.last and event.id != self.last + 1:
            return Fault(file, number, event.id, f"event {self.last + 1} should stand here")
        if line.prev is not None and self._is_broken(event, line.prev):
            return Fault(file, number, event.id, "its `prev` is not the digest of the line before it")
        self.first = self.first or event.id
        self.last, self.head = event.id, digest_of_line(raw)
        self.chained += line.prev is not None
        self.unchained += line.prev is None
        return event

    def _is_broken(self, event: Event, prev: str) -> bool:
        """Where the files begin after the first event, what came before is not there to be looked at."""
        if not self.last and event.id > 1:
            return False
        return prev != self.head
