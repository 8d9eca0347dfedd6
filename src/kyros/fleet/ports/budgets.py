"""The budgets that people set."""

from collections.abc import Mapping
from typing import Protocol

from kyros.collab.model import Budget
from kyros.fleet.model import Cap, Turn
from kyros.fleet.model.budget import Scope


class Budgets(Protocol):
    """Rows by scope and key; each write appends its event in the same transaction."""

    async def all(self) -> Mapping[tuple[Scope, str], Budget]: ...

    async def set(self, scope: Scope, key: str, budget: Budget, actor: str) -> None:
        """A budget without any limit takes the row away."""
        ...

    async def note_reached(self, cap: Cap, turn: Turn, sentence: str) -> bool:
        """Told once for a budget, its period and these limits: False when it was told before."""
        ...
