"""Lets go of recordings and transcripts that were kept for long enough; the rows of turns stay."""

from collections.abc import Awaitable, Callable

from kyros.events.model import NewEvent
from kyros.events.ports import EventLog
from kyros.fleet.model.retention import Keeping, Kept, over_age, over_size
from kyros.fleet.ports import RecordingShelf
from kyros.kernel.clock import Clock, to_text

Ended = Callable[[str], Awaitable[tuple[bool, str | None]]]
"""Whether a run has ended, or is not known any more, and its project."""


class Retention:
    """Only of runs that have ended."""

    def __init__(self, shelf: RecordingShelf, events: EventLog, clock: Clock, keeping: Keeping) -> None:
        self._shelf = shelf
        self._events = events
        self._clock = clock
        self._keeping = keeping

    async def sweep(self, has_ended: Ended) -> int:
        """How many runs' files went."""
        kept = await self._shelf.list()
        gone: set[str] = set()
        for one in over_age(kept, self._keeping, self._clock()):
            if await self._drop(one, has_ended):
                gone.add(one.run_id)
        too_many, rest = over_size([one for one in kept if one.run_id not in gone], self._keeping)
        for one in rest:
            if too_many <= 0:
                break
            if await self._drop(one, has_ended):
                too_many -= one.size_bytes
                gone.add(one.run_id)
        return len(gone)

    async def _drop(self, one: Kept, has_ended: Ended) -> bool:
        is_over, project_id = await has_ended(one.run_id)
        if not is_over:
            return False
        await self._shelf.drop(one.run_id, to_text(self._clock()))
        facts = {"run_id": one.run_id, "project_id": project_id, "size_bytes": one.size_bytes}
        await self._events.append(NewEvent("recording_swept", "kyros", one.run_id, facts))
        return True
