"""The human log: what happened, told in Markdown and kept."""

from collections.abc import Sequence
from dataclasses import dataclass

from kyros.events.model import Event, EventFilter
from kyros.events.model.human_log import human_log
from kyros.events.ports import EventLog, HumanLogFile
from kyros.events.service.history import History

_MOST = 500
_LOOKS = 20


@dataclass(frozen=True)
class Written:
    """`path` is relative to the home."""

    markdown: str
    events: int
    path: str


class HumanLogs:
    def __init__(self, log: EventLog, history: History, file: HumanLogFile) -> None:
        self._log, self._history, self._file = log, history, file

    async def of(self, ids: Sequence[int], projects: frozenset[str] | None) -> Written:
        """About these events, as far as the log holds them and they lie in these projects."""
        return await self._write(await self._log.pick(ids, EventFilter(projects=projects)))

    async def since(self, after: int, match: EventFilter) -> Written:
        """About the first 500 events after a number that pass the filter; fewer when they lie far apart in
        the file."""
        found: list[Event] = []
        for _ in range(_LOOKS):
            page = await self._history.page(after, _MOST - len(found), match)
            found += page.events
            if page.next_after is None or len(found) == _MOST:
                break
            after = page.next_after
        return await self._write(found)

    async def _write(self, events: Sequence[Event]) -> Written:
        """Nothing is appended about nothing."""
        markdown = human_log(events)
        if markdown:
            await self._file.append(markdown)
        return Written(markdown, len(events), self._file.path)
