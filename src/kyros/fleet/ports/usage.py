"""Sums over turns."""

from collections.abc import Sequence
from typing import Protocol

from kyros.fleet.model import Spent
from kyros.fleet.model.budget import Scope
from kyros.fleet.model.usage import UsageQuery, UsageRow


class Ledger(Protocol):
    """Adds up what the rows of turns say, those of turns that still work included."""

    async def roll_up(self, query: UsageQuery) -> Sequence[UsageRow]:
        """Ordered by its keys, as many as the query wants."""
        ...

    async def spent(self, scope: Scope, key: str, day: str, without: str | None = None) -> Spent:
        """What the turns of a scope have used: of agents, projects and days on that UTC day, of tasks and
        runs ever; a turn of that id left out."""
        ...
