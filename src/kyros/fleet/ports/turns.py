"""What is kept of turns."""

from collections.abc import Sequence
from typing import Protocol

from kyros.fleet.model import Turn


class Turns(Protocol):
    """Rows of turns; each write appends its event in the same transaction."""

    async def begin(self, turn: Turn) -> None:
        """An older turn of the run that never got its end was cut off: it ends as `lost` now."""
        ...

    async def note(self, turn: Turn) -> None:
        """Figures of a turn that still works: usage, duration, bytes. One that has ended stays as it is."""
        ...

    async def end(self, turn: Turn) -> None: ...

    async def of_run(self, run_id: str) -> Sequence[Turn]:
        """Oldest first, approvals included."""
        ...
