"""A machine that starts nothing."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from kyros.fleet.model import (
    CheckResult,
    SecretFinding,
)


@dataclass
class FakeWatched:
    breach: str | None = None


@dataclass
class FakeMachine:
    """ports.Machine without processes. `results` answers check commands, exit 0 where it says nothing;
    what was run and stopped can be read from `commands` and `stopped`. Every program passes `breach`."""

    results: dict[str, CheckResult] = field(default_factory=dict)
    alive: set[str] = field(default_factory=set)
    commands: list[tuple[str, str]] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    breach: str | None = None

    def agent_env(
        self,
        owner: str,
        names: Sequence[str],
        extra: Mapping[str, str],
        files: Mapping[str, str] | None = None,
    ) -> Mapping[str, str]:
        return {"HOME": f"/fake/agents/{owner.partition('.')[0]}/home", **extra}

    async def confine(
        self, owner: str, worktree: Path, command: Sequence[str], env: Mapping[str, str]
    ) -> Sequence[str]:
        return ()

    @asynccontextmanager
    async def watch(self, owner: str) -> AsyncIterator[FakeWatched]:
        yield FakeWatched(self.breach)

    async def stop_all_of(self, owner: str) -> int:
        self.stopped.append(owner)
        found = {one for one in self.alive if one == owner or one.startswith(f"{owner}.")}
        self.alive -= found
        return len(found)

    async def owners(self) -> Sequence[str]:
        return sorted(self.alive)

    async def forget(self, run_id: str) -> None:
        self.forgotten.append(run_id)

    async def check(self, run_id: str, command: str, cwd: Path, timeout_seconds: float) -> CheckResult:
        self.commands.append((run_id, command))
        return self.results.get(command, CheckResult(0, "", 1))


@dataclass
class FakeSecretScanner:
    """ports.SecretScanner that finds something in the files of `secrets`, by path and line."""

    secrets: dict[str, int] = field(default_factory=dict)

    async def scan(self, root: Path, paths: Sequence[str]) -> Sequence[SecretFinding]:
        return [SecretFinding(path, self.secrets[path], "Fake Key") for path in paths if path in self.secrets]
