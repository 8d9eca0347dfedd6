"""Profiles whose vendor takes no more work for now."""

from collections.abc import Mapping
from typing import Protocol

from kyros.fleet.model import Turn
from kyros.fleet.model.pause import Pause


class Pauses(Protocol):
    """One row a profile at most; each write appends its event in the same transaction."""

    async def all(self) -> Mapping[str, Pause]: ...

    async def pause(self, pause: Pause, turn: Turn) -> bool:
        """False, and nothing changes, while the profile waits because of the very same notice: read twice it
        prolongs nothing."""
        ...

    async def resume(self, profile: str, actor: str) -> bool:
        """False when it did not wait."""
        ...
