"""What agents at work need from the machine they work on."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path, PurePath
from typing import Protocol

from kyros.fleet.model import Approval, Change, CheckResult, SecretFinding, Turn


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


class Turns(Protocol):
    """Rows of turns; each write appends its event in the same transaction."""

    async def begin(self, turn: Turn) -> None:
        """An older turn of the run that never got its end was cut off: it ends as `lost` now."""
        ...

    async def approve(self, turn: Turn, approval: Approval) -> None: ...

    async def end(self, turn: Turn) -> None: ...

    async def of_run(self, run_id: str) -> Sequence[Turn]:
        """Oldest first, approvals included."""
        ...


class Recording(Protocol):
    """The append-only asciicast of one run; later turns are appended to it."""

    def write(self, data: bytes) -> None:
        """Terminal bytes as printed, cut anywhere. Never blocks for long; past the limit they are dropped
        and the recording says so."""
        ...

    def mark(self, label: str) -> None: ...

    def close(self) -> None: ...


class Recordings(Protocol):
    def open(self, run_id: str, columns: int, rows: int) -> Recording: ...


class RecordingFiles(Protocol):
    """Reads recordings, whole or as they grow."""

    def path_of(self, run_id: str) -> Path | None: ...

    def read_lines(self, run_id: str, offset: int, limit_bytes: int) -> Sequence[tuple[int, bytes]]:
        """Whole lines from byte `offset`, each with the offset after it; blocking."""
        ...


class Watched(Protocol):
    """`breach` says which limit an owner's processes passed together, in a sentence; None: none."""

    @property
    def breach(self) -> str | None: ...


class Machine(Protocol):
    """Processes of this installation, found by the marker they inherit."""

    def agent_env(self, owner: str, names: Sequence[str], extra: Mapping[str, str]) -> Mapping[str, str]:
        """The allow-listed environment of an agent, its marker included. `owner` is RUN.TURN."""
        ...

    async def confine(
        self, owner: str, worktree: Path, program: str | None, env: Mapping[str, str]
    ) -> Sequence[str]:
        """The words to put before the program's own, so that it is confined to `worktree` and env's HOME.
        `program` is its absolute path, None for what PATH offers. Raises SandboxMissing."""
        ...

    def watch(self, owner: str) -> AbstractAsyncContextManager[Watched]:
        """While open, the owner's processes are held to the limits: who passes one is killed."""
        ...

    async def stop_all_of(self, owner: str) -> int:
        """Stop for sure whatever a run or one turn (RUN.TURN) started, daemons included; idempotent."""
        ...

    async def owners(self) -> Sequence[str]:
        """Ids of the runs that have live processes here."""
        ...

    async def forget(self, run_id: str) -> None:
        """Remove the run's own home. Idempotent."""
        ...

    async def check(self, run_id: str, command: str, cwd: Path, timeout_seconds: float) -> CheckResult: ...


class SecretScanner(Protocol):
    async def scan(self, root: Path, paths: Sequence[str]) -> Sequence[SecretFinding]: ...
