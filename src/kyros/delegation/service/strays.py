"""Branches of the built-in forge that neither a run nor a pull request knows: found, never deleted."""

from kyros.delegation.errors import RunNotFound
from kyros.delegation.model import ENDED
from kyros.delegation.ports import RunStore
from kyros.fleet.model import Finding
from kyros.forge.ports import Forge

_PREFIX = "feature/"
_PAGE = 200
_PULLS = 10_000


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
        branches = set(await self._forge.branches(project_id, _PREFIX))
        if not branches:
            return []
        before: str | None = None
        while branches and (runs := await self._runs.page(None, project_id, before, _PAGE)):
            branches -= {name for run in runs for name in (run.branch, run.base)}
            before = runs[-1].id
        if branches:
            branches -= {pull.head for pull in await self._forge.pulls(None, project_id, _PULLS)}
        return sorted(branches)
