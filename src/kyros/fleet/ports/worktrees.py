"""Folders for runs to work in."""

from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Protocol

from kyros.fleet.model import Change


class Worktrees(Protocol):
    """Folders lent to one run at a time, each a git directory of its own that borrows the project's objects.

    What a run left behind is never thrown away: it is copied aside before the folder is cleaned.
    """

    async def lend(self, run_id: str, project_id: str, bare: Path, branch: str, sha: str) -> Path:
        """A clean folder on `branch` at `sha`; the run's own again if it has one already."""
        ...

    async def path_of(self, run_id: str) -> Path | None: ...

    async def changes(self, run_id: str, since: str) -> Sequence[Change]:
        """Paths that differ from commit `since`, ignored files left out, sorted."""
        ...

    async def commit(
        self, run_id: str, parent: str, paths: Sequence[str], message: str, author: tuple[str, str], when: int
    ) -> str:
        """One commit on `parent` with just these paths as they are now. Same input, same sha."""
        ...

    async def push(self, run_id: str, branch: str, sha: str, expected: str) -> None:
        """Move the project's branch from `expected` to `sha`. Already there is fine.
        Raises PushRefused."""
        ...

    async def give_back(self, run_id: str) -> bool:
        """Keep what is uncommitted, clean the folder, free it for the next run. False: it had none."""
        ...

    async def lent(self) -> Sequence[str]:
        """Ids of the runs that have a worktree."""
        ...

    def locate(self, root: Path, subject: str) -> PurePath | None:
        """Where a path of the agent's really lies, relative to `root`; None when outside."""
        ...
