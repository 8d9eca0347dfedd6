"""The audit of the event files: every line, its chain, and the log's table beside it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from kyros.events.model import EVERYTHING, Event
from kyros.events.model.audit import Audit, Fault
from kyros.events.model.line import line_of
from kyros.events.ports import Batch, EventLines, EventLog


@dataclass(frozen=True)
class Verdict:
    """`fault` is None for files as they should be. `waiting` events of the log are not copied yet;
    `compared` lines were found in the log, the rest is older than what it holds."""

    first: int
    last: int
    chained: int
    unchained: int
    compared: int
    waiting: int
    head: str
    fault: Fault | None

    def document(self) -> dict[str, object]:
        return asdict(self)

    @property
    def in_words(self) -> str:
        """For files as they should be."""
        if not self.last:
            return f"There is no line yet; {self.waiting} events wait to be copied."
        plain = f", {self.unchained} without" if self.unchained else ""
        return (
            f"Events {self.first} to {self.last} are as they were written: {self.chained} lines in the chain"
            f"{plain}; {self.compared} are in the database just so, {self.waiting} more wait to be copied.\n"
            f"The digest of the last line is {self.head}: kept elsewhere, it proves all of them later."
        )


async def verify(lines: EventLines, log: EventLog) -> Verdict:
    """Up to the first fault, or to the end."""
    audit, compared = Audit(), 0
    fault: Fault | None = None
    async for batch in lines.batches():
        fault = Fault(batch.file, batch.line, None, batch.fault) if batch.fault else None
        found: list[tuple[int, Event]] = []
        for number, raw in enumerate(batch.lines, batch.line):
            seen = audit.look(batch.file, number, raw)
            if isinstance(seen, Fault):
                fault = seen
                break
            found.append((number, seen))
        same, difference = await _compared(batch, found, log)
        compared += same
        if fault := difference or fault:
            break
    waiting = max(0, await log.last_id() - audit.last)
    return Verdict(
        audit.first, audit.last, audit.chained, audit.unchained, compared, waiting, audit.head, fault
    )


async def _compared(
    batch: Batch, found: Sequence[tuple[int, Event]], log: EventLog
) -> tuple[int, Fault | None]:
    """How many of these events the log has just so, and the first that it has not."""
    if not found:
        return 0, None
    ids = [event.id for _, event in found]
    held = {event.id: event for event in await log.page(ids[0] - 1, len(ids), EVERYTHING)}
    first = await log.first_id()
    for number, event in found:
        known = held.get(event.id)
        if known is None and event.id >= first:
            return len(held), Fault(batch.file, number, event.id, "the log has no such event")
        if known is not None and line_of(known) != line_of(event):
            return len(held), Fault(batch.file, number, event.id, "the log says something else")
    return len(held), None
