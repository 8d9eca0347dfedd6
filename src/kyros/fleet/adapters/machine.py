"""Environments, processes and check commands of runs on this machine."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from kyros.fleet.adapters.containment import Containment
from kyros.fleet.model import CheckResult
from kyros.fleet.ports import Watched
from kyros.infra.process import clean_env, marked_owners, marker, run_shell, stop_marked
from kyros.infra.sandbox import watching


class LocalMachine:
    """ports.Machine over processes here; ours carry the installation's marker."""

    def __init__(
        self,
        installation: str,
        homes: Path,
        allowed_env: Sequence[str],
        containment: Containment | None = None,
        sessions_of: Callable[[str], Awaitable[Sequence[str]]] | None = None,
    ) -> None:
        """`sessions_of` names the live sessions that serve a run: theirs is what it started."""
        self._installation = installation
        self._homes = homes
        self._allowed = allowed_env
        self._containment = containment or Containment()
        self._sessions_of = sessions_of

    def agent_env(
        self,
        owner: str,
        names: Sequence[str],
        extra: Mapping[str, str],
        files: Mapping[str, str] | None = None,
    ) -> Mapping[str, str]:
        """HOME is a folder of the session's own, with these files, unless the user's is asked for by name."""
        wanted = (*names, *self._allowed)
        if "HOME" not in wanted:
            self._furnish(owner, files or {})
        return self._env(owner, wanted, extra)

    def _furnish(self, owner: str, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self._folder_of(owner) / "home" / name
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.write_text(text, encoding="utf-8")

    def _env(self, owner: str, names: Sequence[str], extra: Mapping[str, str]) -> dict[str, str]:
        home = self._folder_of(owner) / "home"
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        wanted = {"TERM": "xterm-256color", **extra, **marker(self._installation, owner)}
        return {"HOME": str(home)} | clean_env(names) | wanted

    def _folder_of(self, owner: str) -> Path:
        return self._homes / owner.partition(".")[0]

    async def confine(
        self, owner: str, worktree: Path, command: Sequence[str], env: Mapping[str, str]
    ) -> Sequence[str]:
        own = self._folder_of(owner)
        return await asyncio.to_thread(self._containment.prefix, own, worktree, command, env)

    @asynccontextmanager
    async def watch(self, owner: str) -> AsyncIterator[Watched]:
        async with watching(self._installation, owner, self._containment.limits) as watch:
            yield watch

    async def stop_all_of(self, owner: str) -> int:
        stopped = await stop_marked(self._installation, owner)  # its own first: the database may be away
        serving = await self._sessions_of(owner) if self._sessions_of is not None else ()
        return stopped + sum([await stop_marked(self._installation, one) for one in serving])

    async def owners(self) -> Sequence[str]:
        return await asyncio.to_thread(marked_owners, self._installation)

    async def forget(self, run_id: str) -> None:
        await asyncio.to_thread(shutil.rmtree, self._homes / run_id, ignore_errors=True)

    async def check(self, run_id: str, command: str, cwd: Path, timeout_seconds: float) -> CheckResult:
        """The project's own command, confined as an agent is; the agents' keys are not for it."""
        env = {**self._env(run_id, (), {}), "CI": "true", "TERM": "dumb"}
        prefix = await self.confine(run_id, cwd, (), env)
        async with self.watch(run_id) as watched:
            done = await run_shell(
                command,
                cwd=cwd,
                env=env,
                timeout_seconds=timeout_seconds,
                owner=(self._installation, run_id),
                prefix=prefix,
            )
        said = f"\n{watched.breach}\n" if watched.breach else ""
        return CheckResult(done.exit_code, done.output + said, done.duration_ms)
