"""Folders for runs to work in."""

from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Protocol

from kyros.fleet.model import Change


class Worktrees(Protocol):
    """Folders lent to one run at a time, each a git directory of its own that borrows the project's objects.

    What a run left behind is never thrown away: it is copied aside before the folder is cleaned.
    """

    async def lend(
        self, run_id: str, project_id: str, bare: Path, branch: str, sha: str, profile: str = ""
    ) -> Path:
        """A clean folder on `branch` at `sha`; the run's own again if it has one already, else one where a
        session of `profile` stands ready."""
        ...

    async def reserve(self, session_id: str, project_id: str, bare: Path, sha: str, profile: str) -> Path:
        """A clean folder at `sha`, on no branch, kept for whoever is lent to with this profile."""
        ...

    async def unreserve(self, session_id: str) -> bool:
        """Clean it and free it for the next. False: it was lent meanwhile, or never reserved."""
        ...

    async def reserved(self) -> Sequence[str]:
        """Ids of the sessions that have a folder reserved."""
        ...

    async def doubt(self, folder: Path) -> None:
        """Never use this folder again: what is uncommitted in it is kept, then a fresh one takes its place.
        A folder that is no worktree is fine."""
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

    async def unknown(self) -> Sequence[Path]:
        """Folders among ours that no record names: never ours to delete."""
        ...

    async def is_there(self, folder: Path) -> bool: ...

    def locate(self, root: Path, subject: str) -> PurePath | None:
        """Where a path of the agent's really lies, relative to `root`; None when outside."""
        ...
