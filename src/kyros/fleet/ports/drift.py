"""What the reconciler reads and mends beyond the other ports, and what it reports."""

from collections.abc import Sequence
from typing import Protocol

from kyros.fleet.model import Finding


class Drift(Protocol):
    """What was found and is still so. A new finding appends its event in the same transaction."""

    async def settle(self, findings: Sequence[Finding], at: str) -> None:
        """These are all there are now: new ones are told, those gone are forgotten."""
        ...

    async def all(self) -> Sequence[Finding]:
        """Oldest first."""
        ...

    async def open_turns(self) -> Sequence[tuple[str, str]]:
        """(turn, its run or execution) of each turn without an end."""
        ...

    async def close_turn(self, turn_id: str, at: str) -> None:
        """It was cut off. One that has ended stays as it is."""
        ...
