"""How programs of runs are confined on this machine: in bubblewrap where it works, else below a keeper."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import kyros
from kyros.fleet.errors import SandboxMissing
from kyros.infra.process import KEEPER
from kyros.infra.sandbox import Confinement, Kind, Limits, Mount, Tools, bubblewrap, host, probe
from kyros.infra.sandbox.installs import folders_of, needed_by
from kyros.infra.sandbox.limits import own_limits
from kyros.infra.sandbox.probe import counts_threads_by_namespace, inner_user

Mode = Literal["auto", "bubblewrap", "off"]


def _nothing(worktree: Path) -> Sequence[Path]:
    return ()


@dataclass(frozen=True)
class InForce:
    """`note` says what confines programs here, `advice` what to do where that is not a sandbox."""

    is_sandbox: bool
    note: str
    advice: str


@dataclass(frozen=True)
class Containment:
    """`readable` and `hidden` add to what a program sees of this machine, and take from it. `borrowed` tells
    which folders a worktree's git reads objects from."""

    mode: Mode = "auto"
    network: bool = True
    limits: Limits = field(default_factory=Limits)
    readable: Sequence[Path] = ()
    hidden: Sequence[Path] = ()
    borrowed: Callable[[Path], Sequence[Path]] = _nothing

    def prefix(self, own: Path, worktree: Path, command: Sequence[str], env: Mapping[str, str]) -> list[str]:
        """The words before the program's own. `own` is the folder of its session, or of a check's run.
        Blocks. Raises SandboxMissing."""
        tools = self._tools()
        if tools is None:
            return self._keeper()
        return bubblewrap(tools, self._confinement(own, worktree, command, env))

    def in_force(self) -> "InForce":
        """What a program would be started in now. Blocks."""
        found = probe()
        network = "with the network" if self.network else "without a network"
        if self.mode != "off" and found.tools is not None:
            return InForce(True, f"bubblewrap, {network}; {self._held()}", "")
        if self.mode == "off":
            advice = "KYROS_SANDBOX is off: agents run as you. Remove it, or trust their tasks."
            return InForce(False, f"a plain process tree; {self._held()}", advice)
        if self.mode == "bubblewrap":
            advice = f"{found.advice} No agent starts until then (KYROS_SANDBOX=bubblewrap)."
            return InForce(False, f"bubblewrap does not work: {found.reason}", advice)
        advice = f"{found.advice} Until then agents run as you: trust their tasks."
        note = f"a plain process tree, for bubblewrap does not work: {found.reason}; {self._held()}"
        return InForce(False, note, advice)

    def _held(self) -> str:
        memory = self.limits.memory_bytes
        return f"memory held to {memory / 1024**3:.3g} GiB by a watch" if memory else "memory without a limit"

    def _tools(self) -> Tools | None:
        if self.mode == "off":
            return None
        found = probe()
        if found.tools is None and self.mode == "bubblewrap":
            raise SandboxMissing(
                f"KYROS_SANDBOX=bubblewrap, but it does not work here ({found.reason}): nothing was started. "
                f"{found.advice} Or set KYROS_SANDBOX=auto."
            )
        return found.tools

    def _keeper(self) -> list[str]:
        if sys.platform != "linux":
            return []
        limits = (f"{name}={value}" for name, value in self.limits.of_each(own_limits()).items())
        return [sys.executable, "-I", "-S", str(KEEPER), *limits, "--"]

    def _confinement(
        self, own: Path, worktree: Path, command: Sequence[str], env: Mapping[str, str]
    ) -> Confinement:
        home, user, system = Path(env["HOME"]), inner_user(), host.system()
        wanted = {*self.readable, *self.borrowed(worktree), *folders_of(env.get("PATH", ""))}
        wanted |= {Path(env[name]) for name in host.CERTIFICATES if env.get(name, "").startswith("/")}
        for named in (word for word in command if word.startswith("/") and Path(word).is_file()):
            wanted |= needed_by(Path(named), env.get("PATH", ""))
            wanted |= {Path(kyros.__path__[0])} if named == sys.executable else set()
        shown = [*system, *host.readable(wanted, system)]
        lent = [] if home.is_relative_to(own) else [Mount(Kind.WRITE, home, home)]
        seen = [*shown, *lent]
        secrets = [home_of / name for home_of in {Path.home(), home} for name in host.SECRETS]
        return Confinement(
            worktree=worktree,
            home=home,
            user=user,
            readable=[*shown, *host.account(own / "etc", home, user)],
            hidden=[*host.masks(secrets, seen), *host.emptied(self.hidden, seen)],
            network=self.network,
            limits=self.limits,
            most=own_limits(),
            threads_are_counted_here=counts_threads_by_namespace(),
        )
