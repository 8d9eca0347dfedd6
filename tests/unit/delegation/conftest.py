"""A whole delegation in memory: every room's fake, one clock, one script for the agent."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kyros.collab.fake import FakeCollabStore
from kyros.collab.model import Task, TaskQuery
from kyros.collab.service.leases import Leases
from kyros.collab.service.tasks import Tasks
from kyros.delegation.fake import FakeRunStore
from kyros.delegation.handlers import delegation_handlers
from kyros.delegation.model import Order, Run, StepName
from kyros.delegation.service import Delegations, Notice, OpeningSteps, Pace, Pulls, Strays, Walker, WorkSteps
from kyros.delegation.service.steps import Made, StepFunction, Steps
from kyros.drivers.fake import FakeDriver, FakeProfiles, FakeSession, fake_profile
from kyros.drivers.model import Launch, Profile
from kyros.drivers.ports import Listener
from kyros.engine.adapters.embedded.mailboxes import Mailboxes
from kyros.engine.fake import FakeBus, FakeQueue
from kyros.engine.ports import Handler
from kyros.events.fake import FakeEventLog
from kyros.events.model import EventFilter
from kyros.fleet.fake import (
    FakeApprovals,
    FakeBudgets,
    FakeDrift,
    FakeExecutions,
    FakeFolders,
    FakeLedger,
    FakeMachine,
    FakePauses,
    FakeRecordings,
    FakeSecretScanner,
    FakeSessions,
    FakeShelf,
    FakeTranscripts,
    FakeTurns,
    FakeWorktrees,
    Files,
)
from kyros.fleet.model.retention import Keeping
from kyros.fleet.service import Attending, Fleet, Limits, Meter, Reconciler, Retention
from kyros.forge.fake import FakeForge
from tests.fleets import judge_of, pool_of
from tests.stand_ins import Outbox

SOURCE = "/repos/app"
HOLDER = "worker-1@boot_1"
LEASE_SECONDS = 15.0


class Clock:
    """Moves a millisecond at each look, and further when told. `leases` moves only when told: no lease
    runs out because much was written."""

    def __init__(self) -> None:
        self.moment = self.leases = datetime(2026, 11, 20, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.moment += timedelta(milliseconds=1)
        return self.moment

    def advance(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)
        self.leases += timedelta(seconds=seconds)


class Bus:
    """The bus within one process, whose subscribers may stop waiting and wait again."""

    def __init__(self) -> None:
        self._mailboxes = Mailboxes()
        self.subscribe = self._mailboxes.open

    def publish(self, topic: str, payload: bytes) -> None:
        self._mailboxes.deliver(topic, payload)


class Branches:
    """The fake forge as the bare repository that worktrees work on."""

    def __init__(self, forge: FakeForge) -> None:
        self._forge = forge

    def files(self, project_id: str, sha: str) -> Files:
        return self._forge._snapshots[sha].files

    def head(self, project_id: str, branch: str) -> str | None:
        return self._forge._branches.get((project_id, branch))

    def record(self, files: Files, parent: str | None, words: str) -> str:
        return self._forge._record(files, (parent,) if parent else (), words)

    def move(self, project_id: str, branch: str, sha: str) -> None:
        self._forge._branches[project_id, branch] = sha


class Agent(FakeDriver):
    """Plays its script and leaves `files` in the worktree of the run whose folder it is given."""

    def __init__(self, worktrees: FakeWorktrees) -> None:
        super().__init__()
        self.worktrees = worktrees
        self.files: dict[str, bytes] = {"made.py": b"made\n"}

    async def open(self, profile: Profile, launch: Launch, listener: Listener) -> FakeSession:
        session = await super().open(profile, launch, listener)
        lent = [one for one in await self.worktrees.lent() if await self.worktrees.path_of(one) == launch.cwd]
        for run_id in lent:
            for path, content in self.files.items():
                self.worktrees.write(run_id, path, content)
        return session


@dataclass
class House:
    clock: Clock
    events: FakeEventLog
    queue: FakeQueue
    bus: Bus
    tasks: Tasks
    leases: Leases
    runs: FakeRunStore
    forge: FakeForge
    turns: FakeTurns
    approvals: FakeApprovals
    transcripts: FakeTranscripts
    budgets: FakeBudgets
    pauses: FakePauses
    worktrees: FakeWorktrees
    machine: FakeMachine
    scanner: FakeSecretScanner
    agent: Agent
    profiles: FakeProfiles
    steps: dict[StepName, StepFunction]
    defects: list[Exception]
    executions: FakeExecutions = field(default_factory=lambda: FakeExecutions(Outbox(), FakeQueue()))
    shelf: FakeShelf = field(default_factory=FakeShelf)
    random: Callable[[], float] = lambda: 0.5
    attempts: int = 3
    lease_seconds: float = LEASE_SECONDS
    fleet_stops: int = 0

    def walker(self, steps: Steps | None = None, holder: str = HOLDER) -> Walker:
        return Walker(
            holder=holder,
            runs=self.runs,
            tasks=self.tasks,
            leases=self.leases,
            machine=self.machine,
            bus=self.bus,
            steps=self.steps if steps is None else steps,
            pace=Pace(self.lease_seconds, self.attempts, self.random),
            notice=Notice(self.forge, self.tasks),
            limits=Limits(self.pauses, self.clock),
            report_defect=lambda run_id, error: self.defects.append(error),
        )

    @property
    def front(self) -> Delegations:
        opening = {name: self.steps[name] for name in (StepName.BRANCH, StepName.PULL_REQUEST)}
        numbers = iter(range(1, 100))
        return Delegations(
            runs=self.runs,
            tasks=self.tasks,
            forge=self.forge,
            walker=self.walker(opening, "server@boot_1"),
            profiles=self.profiles,
            queue=self.queue,
            bus=self.bus,
            clock=self.clock,
            new_id=lambda prefix: f"{prefix}_{len(self.runs._runs) + next(numbers)}",
            agent="fake",
            timeout_seconds=60.0,
            ledger=FakeLedger(self.turns),
            budgets=self.budgets,
            pauses=self.pauses,
            stop_fleet=self.stop_fleet,
        )

    async def stop_fleet(self) -> int:
        self.fleet_stops += 1
        return 0

    @property
    def pulls(self) -> Pulls:
        return Pulls(runs=self.runs, tasks=self.tasks, forge=self.forge, queue=self.queue, clock=self.clock)

    @property
    def reconciler(self) -> Reconciler:
        strays = Strays(self.runs, self.forge)
        return Reconciler(
            sessions=FakeSessions(self.events),
            executions=self.executions,
            drift=FakeDrift(self.events, self.turns),
            worktrees=self.worktrees,
            folders=FakeFolders(),
            machine=self.machine,
            leases=self.leases,
            is_over=strays.is_over,
            finders=[strays.find],
            clock=self.clock,
            holder=f"{HOLDER}/reconciler",
            report=lambda what, error: None,
        )

    @property
    def handlers(self) -> Mapping[str, Handler]:
        return delegation_handlers(
            walker=self.walker(),
            runs=self.runs,
            approvals=self.approvals,
            pulls=self.pulls,
            leases=self.leases,
            worktrees=self.worktrees,
            machine=self.machine,
            queue=self.queue,
            reconciler=self.reconciler,
            retention=Retention(self.shelf, self.events, self.clock, Keeping(90, 0)),
            limits=Limits(self.pauses, self.clock),
            holder=HOLDER,
            sweep_seconds=30.0,
        )

    async def delegate(self) -> Run:
        return (await self.front.hand_over(order(), "ada", None)).run

    async def finished(self) -> Run:
        """A delegation walked to its end."""
        run = await self.delegate()
        await self.walker().look(run.id)
        return await self.runs.get(run.id)

    async def task(self, run: Run) -> Task:
        return await self.tasks.get(run.task_id)

    async def told(self, **match: str) -> list[str]:
        return [event.event for event in await self.events.page(0, 1_000, EventFilter(**match))]

    async def nothing_made(self) -> bool:
        """But for the project, which is the user's repository as the forge knows it."""
        return not (
            await self.runs.page(None, None, None, 9)
            or await self.tasks.find(TaskQuery())
            or await self.forge.pulls(None, None, 9)
            or self.forge._opened
            or await self.queue.depth()
        )

    def break_step(self, name: StepName, *errors: Exception) -> None:
        """The step raises these, one a try, and then does its work."""
        real, left = self.steps[name], list(errors)

        async def step(run: Run, task: Task) -> Made:
            if left:
                raise left.pop(0)
            return await real(run, task)

        self.steps[name] = step


def order(**more: Any) -> Order:
    values: dict[str, Any] = {
        "title": "Greet the night owls",
        "objective": "Say hello.",
        "constraints": "",
        "acceptance_criteria": ["it greets"],
        "repo": SOURCE,
        "project": None,
        "base": None,
        "agent": None,
        "timeout_seconds": None,
    }
    return Order(**(values | more))


@pytest.fixture
def house() -> House:
    clock, numbers = Clock(), iter(range(1, 10_000))
    new_id = lambda prefix: f"{prefix}_{next(numbers)}"  # noqa: E731
    events = FakeEventLog(clock=clock)
    queue = FakeQueue()
    collab = FakeCollabStore(events, lambda: clock.leases)
    tasks, leases = Tasks(collab), Leases(collab)
    runs = FakeRunStore(tasks=tasks, leases=leases, outbox=events, queue=queue, clock=clock)
    forge = FakeForge(clock, new_id)
    forge.add_source(SOURCE, {"README.md": b"hello\n", "kyros.toml": b'[checks]\ncommand = "make test"\n'})
    approvals = FakeApprovals(events, clock)
    worktrees, turns = FakeWorktrees(Branches(forge)), FakeTurns(events, approvals)
    transcripts, budgets = FakeTranscripts(), FakeBudgets(events)
    pauses = FakePauses(events)
    limits = Limits(pauses, clock)
    machine, scanner, agent = FakeMachine(), FakeSecretScanner(), Agent(worktrees)
    profiles = FakeProfiles({name: fake_profile(name) for name in ("fake", "absent")}, frozenset({"absent"}))
    pool = pool_of(
        agent, profiles, events, leases, machine=machine, worktrees=worktrees, clock=clock, new_id=new_id,
        worker=HOLDER, lease_ttl_seconds=LEASE_SECONDS,
    )  # fmt: skip
    fleet = Fleet(
        pool=pool,
        turns=turns,
        judge=judge_of(profiles, approvals, worktrees, clock, new_id),
        attending=Attending(FakeBus()),
        recordings=FakeRecordings(),
        transcripts=transcripts,
        machine=machine,
        meter=Meter(turns=turns, ledger=FakeLedger(turns), budgets=budgets, clock=clock, beat_seconds=0.05),
        limits=limits,
        clock=clock,
        new_id=new_id,
    )
    work = WorkSteps(
        runs=runs,
        tasks=tasks,
        leases=leases,
        forge=forge,
        fleet=fleet,
        turns=turns,
        worktrees=worktrees,
        machine=machine,
        scanner=scanner,
        limits=limits,
        lease_ttl_seconds=LEASE_SECONDS,
        check_timeout_seconds=60.0,
    )
    steps = {**OpeningSteps(forge, runs).steps(), **work.steps()}
    return House(
        clock, events, queue, bus=Bus(), tasks=tasks, leases=leases, runs=runs, forge=forge, turns=turns,
        transcripts=transcripts, budgets=budgets, pauses=pauses, approvals=approvals, worktrees=worktrees,
        machine=machine, scanner=scanner, agent=agent, profiles=profiles, steps=steps, defects=[],
    )  # fmt: skip
