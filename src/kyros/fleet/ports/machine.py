"""Processes and files of the machine that agents work on."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from kyros.fleet.model import CheckResult, SecretFinding


class Watched(Protocol):
    """`breach` says which limit an owner's processes passed together, in a sentence; None: none."""

    @property
    def breach(self) -> str | None: ...


class Machine(Protocol):
    """Processes of this installation, found by the marker they inherit."""

    def agent_env(
        self,
        owner: str,
        names: Sequence[str],
        extra: Mapping[str, str],
        files: Mapping[str, str] | None = None,
    ) -> Mapping[str, str]:
        """The allow-listed environment of an agent, its marker included. `owner` is its session; a HOME
        of its own has these files, by their path in it."""
        ...

    async def confine(
        self, owner: str, worktree: Path, command: Sequence[str], env: Mapping[str, str]
    ) -> Sequence[str]:
        """The words to put before the program's own, so that it is confined to `worktree` and env's HOME.
        What `command` names by absolute paths can be read, with what it needs to start; what PATH offers
        can be anyway. Raises SandboxMissing."""
        ...

    def watch(self, owner: str) -> AbstractAsyncContextManager[Watched]:
        """While open, the owner's processes are held to the limits: who passes one is killed."""
        ...

    async def stop_all_of(self, owner: str) -> int:
        """Stop for sure whatever a run, an execution or a session started, daemons included, and the
        sessions that serve it; idempotent."""
        ...

    async def owners(self) -> Sequence[str]:
        """Ids of the runs and sessions that have live processes here."""
        ...

    async def forget(self, run_id: str) -> None:
        """Remove the own home of a session, or of a run's checks. Idempotent."""
        ...

    async def check(self, run_id: str, command: str, cwd: Path, timeout_seconds: float) -> CheckResult: ...


class SecretScanner(Protocol):
    async def scan(self, root: Path, paths: Sequence[str]) -> Sequence[SecretFinding]: ...
