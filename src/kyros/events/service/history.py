"""The whole past in pages: what the log still holds, and before that its copy in the file."""

from collections.abc import Sequence
from dataclasses import dataclass

from kyros.events.model import EVERYTHING, Event, EventFilter
from kyros.events.ports import EventArchive, EventLog


@dataclass(frozen=True)
class Page:
    """Oldest first. `next_after` is where to go on; None when there is nothing more for now."""

    events: Sequence[Event]
    next_after: int | None


class History:
    """`archive` is None where no file is kept; then the log holds everything."""

    def __init__(self, log: EventLog, archive: EventArchive | None) -> None:
        self._log, self._archive = log, archive

    async def page(self, after: int, limit: int, match: EventFilter) -> Page:
        """Up to `limit` events; fewer, or none, before the end when much of the file had to be read."""
        found: list[Event] = []
        while True:
            first = await self._log.first_id()
            if self._archive is not None and after + 1 < first:
                scan = await self._archive.scan(after, first, limit - len(found), match)
                found += scan.events
                if scan.reached + 1 < first or len(found) == limit:
                    return Page(found, scan.reached)
                after = scan.reached
            fresh = await self._log.page(after, limit - len(found) + 1, match)
            if self._archive is None or await self._log.first_id() <= max(first, after + 1):
                return _page([*found, *fresh], limit)

    async def begins_after(self, since: str) -> bool:
        """Whether the log no longer holds everything since this time."""
        first = await self._log.first_id()
        oldest = await self._log.page(first - 1, 1, EVERYTHING)
        return first > 1 and bool(oldest) and oldest[0].ts >= since


def _page(found: Sequence[Event], limit: int) -> Page:
    events = found[:limit]
    return Page(events, events[-1].id if len(found) > limit else None)
