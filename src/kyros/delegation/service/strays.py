"""Branches of the built-in forge that neither a run nor a pull request knows: found, never deleted."""

from kyros.delegation.errors import RunNotFound
from kyros.delegation.model import ENDED
from kyros.delegation.ports import RunStore
from kyros.fleet.model import Finding
from kyros.forge.ports import Forge

_PREFIX = "feature/"


class Strays:
    def __init__(self, runs: RunStore, forge: Forge) -> None:
        self._runs = runs
        self._forge = forge

    async def find(self) -> list[Finding]:
        note = "No run and no pull request has this branch: `git branch -D` in the forge's copy removes it."
        return [
            Finding("branch_without_run", f"{project.id}/{branch}", note, project.id)
            for project in await self._forge.projects()
            for branch in await self._unknown(project.id)
        ]

    async def is_over(self, run_id: str) -> bool:
        """Whether the run has ended, or is not there."""
        try:
            return (await self._runs.get(run_id)).status in ENDED
        except RunNotFound:
            return True

    async def _unknown(self, project_id: str) -> list[str]:
        branches = await self._forge.branches(project_id, _PREFIX)
        known = await self._runs.branches_among(project_id, branches) if branches else ()
        unknown = [one for one in branches if one not in known]
        return [one for one in unknown if not await self._forge.has_pull(project_id, one)]
