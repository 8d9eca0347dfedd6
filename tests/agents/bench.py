"""One agent program at work as Kyros runs it: the fleet with its machine, worktree, policy and turn rows."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil
import pytest

from kyros.drivers.adapters.driver import AgentDriver
from kyros.drivers.adapters.profiles import TomlProfiles, load_profiles
from kyros.drivers.adapters.terminal.screen import Screen
from kyros.drivers.model import Tier
from kyros.fleet.adapters.machine import LocalMachine
from kyros.fleet.adapters.recordings import CastRecordings
from kyros.fleet.adapters.worktrees import PooledWorktrees
from kyros.fleet.fake import FakePauses
from kyros.fleet.model import Change, Turn, TurnOrder, sort_changes
from kyros.fleet.model.attach import COLUMNS, ROWS
from kyros.fleet.store import SqlApprovals, SqlTurns
from kyros.infra.db import Database
from kyros.infra.process import find_marked, marked_owners
from kyros.kernel.ids import new_id
from tests.agents.programs import Program
from tests.agents.scripted.script import Fault, Read, Script, Step, Write
from tests.agents.scripted.server import ScriptedServer, served
from tests.fleets import fleet_of
from tests.integration.system.house import git, repository
from tests.stand_ins import Outbox

RUN, SESSION = "run_1", "session_1"
LINE = "Hello from the seventh bench, exactly so."
TASK = f"""# Greet

Create `greeting.txt` with exactly this line:

    {LINE}
"""
PROMPT = "Read TASK.md and do what it asks for. Change only what belongs to the task."
DOES_THE_TASK = (Read("TASK.md"), Write("greeting.txt", f"{LINE}\n"))


@dataclass
class Bench:
    """A worktree with TASK.md, a HOME of the run's own, and the fleet over them."""

    folder: Path
    database: Database
    installation: str = field(default_factory=lambda: new_id("bench"))

    def __post_init__(self) -> None:
        self.worktree = repository(self.folder / "work", {"TASK.md": TASK, "README.md": "hello\n"})
        self.home = self.folder / "homes" / SESSION / "home"
        self.home.mkdir(parents=True)
        self.pauses = FakePauses(Outbox())
        self.turns = SqlTurns(self.database, Outbox())

    @contextmanager
    def model(
        self,
        program: Program,
        steps: tuple[Step, ...] = DOES_THE_TASK,
        faults: Mapping[int, Fault] | None = None,
    ) -> Iterator[ScriptedServer]:
        """The scripted model, with the program told where it is."""
        script = Script(self.worktree, steps, faults=faults or {})
        with served(script) as server, pytest.MonkeyPatch.context() as environment:
            for name, value in program.environment_for(server.url, self.worktree).items():
                environment.setenv(name, value)
            program.furnish(self.home, server.url, self.worktree)
            yield server
            assert server.problems == []

    async def turn(self, program: Program, tier: Tier | None = None, timeout_seconds: float = 240) -> Turn:
        """One turn through the profile as shipped, on its best tier or on the one named; its row as it was
        written, with the end of what it printed if somebody looks."""
        profile = load_profiles().get(program.name)
        if tier is not None:
            profile = replace(profile, tiers=(tier,))
        fleet = fleet_of(
            AgentDriver(),
            TomlProfiles({profile.name: profile}, {}),
            Outbox(),
            turns=self.turns,
            pauses=self.pauses,
            approvals=SqlApprovals(self.database, Outbox()),
            worktrees=PooledWorktrees(self.folder / "trees", lambda _: self.folder / "none", new_id),
            recordings=CastRecordings(self.folder / "recordings", lambda _: None),
            machine=LocalMachine(self.installation, self.folder / "homes", ()),
            start_seconds=120,
            new_id=lambda prefix: SESSION if prefix == "session" else new_id(prefix),
        )
        await fleet.turn(TurnOrder(RUN, profile.name, PROMPT, self.worktree, timeout_seconds, "test"))
        row = [*await self.turns.of_run(RUN)][-1]
        print(f"{program.name} {program.version}: {row}\n{self._last_output()}")
        return row

    def would_commit(self) -> Mapping[str, str]:
        """What a run would put into its commit, with its text."""
        listed = git(self.worktree, "status", "--porcelain", "--untracked-files=all").splitlines()
        changes = [Change(line.split(maxsplit=1)[1], is_new=True) for line in listed]
        return {name: (self.worktree / name).read_text() for name in sort_changes(changes).committed}

    def left(self) -> list[psutil.Process]:
        """What a turn started and is alive; nothing, it should be."""
        owners = marked_owners(self.installation)
        return [process for owner in owners for process in find_marked(self.installation, owner)]

    def _last_output(self) -> str:
        """The last screen, which for a JSON mode is its last lines."""
        screen = Screen(COLUMNS, ROWS)
        for line in (self.folder / "recordings" / f"{RUN}.cast").read_text().splitlines()[1:]:
            _, kind, data = json.loads(line)
            if kind == "o":
                screen.feed(data.encode())
        return "\n".join(line for line in screen.display() if line)
