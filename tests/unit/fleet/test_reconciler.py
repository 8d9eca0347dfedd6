"""The reconciler: a free lease is proof, a held one is left alone, what no row knows is told and kept."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from kyros.collab.fake import FakeCollabStore
from kyros.collab.service.leases import Leases
from kyros.drivers.model import Tier
from kyros.engine.fake import FakeQueue
from kyros.fleet.fake import (
    FakeBranches,
    FakeExecutions,
    FakeFolders,
    FakeMachine,
    FakeSessions,
    FakeWorktrees,
)
from kyros.fleet.model import Execution, ExecutionState, Finding, SessionRow, Standing
from kyros.fleet.service import Reconciler
from kyros.kernel.clock import to_text
from tests.stand_ins import Clock, Outbox

HELD = "worker-1@boot_1"


class Noted:
    """ports.Drift that remembers."""

    def __init__(self) -> None:
        self.found: list[Finding] = []
        self.turns: list[tuple[str, str]] = []

    async def settle(self, findings: Sequence[Finding], at: str) -> None:
        self.found = list(findings)

    async def all(self) -> Sequence[Finding]:
        return self.found

    async def open_turns(self) -> Sequence[tuple[str, str]]:
        return list(self.turns)

    async def close_turn(self, turn_id: str, at: str) -> None:
        self.turns = [one for one in self.turns if one[0] != turn_id]


@dataclass
class Place:
    reconciler: Reconciler
    sessions: FakeSessions
    executions: FakeExecutions
    worktrees: FakeWorktrees
    folders: FakeFolders
    machine: FakeMachine
    leases: Leases
    drift: Noted
    clock: Clock
    over: set[str]
    start: str

    async def add(self, session_id: str) -> None:
        now = to_text(self.clock())
        row = SessionRow(
            session_id, "fake", Tier.TERMINAL, "p", HELD, "here", Standing.READY, "/w", None, now, now
        )
        await self.sessions.add(row)
        await self.worktrees.reserve(session_id, "p", Path("/fake"), self.start, "fake")


@pytest.fixture
def place() -> Place:
    clock, outbox, over = Clock(), Outbox(), {"run_over"}
    sessions, machine, folders = FakeSessions(outbox), FakeMachine(), FakeFolders()
    executions = FakeExecutions(outbox, FakeQueue())
    branches, drift = FakeBranches(), Noted()
    start = branches.record({}, None, "start")
    worktrees, leases = FakeWorktrees(branches), Leases(FakeCollabStore(outbox, clock))

    async def is_over(run_id: str) -> bool:
        return run_id in over

    async def elsewhere() -> Sequence[Finding]:
        return [Finding("branch_without_run", "p/feature/x", "look")]

    reconciler = Reconciler(
        sessions=sessions,
        executions=executions,
        drift=drift,
        worktrees=worktrees,
        folders=folders,
        machine=machine,
        leases=leases,
        is_over=is_over,
        finders=[elsewhere],
        clock=clock,
        holder="worker-1@boot_1/reconciler",
        report=lambda what, error: None,
    )
    return Place(
        reconciler, sessions, executions, worktrees, folders, machine, leases, drift, clock, over, start
    )


async def test_a_session_whose_worker_is_gone_ends_with_all_it_had(place: Place) -> None:
    await place.add("session_1")
    await place.reconciler.reconcile()
    row = place.sessions.rows["session_1"]
    assert (row.standing, row.why) == (Standing.ENDED, "its worker is gone")
    assert place.machine.stopped == ["session_1"]
    assert place.folders.removed == ["session_1"]
    assert list(await place.worktrees.reserved()) == []
    assert await place.leases.acquire(["session:session_1"], "anybody", 5)


async def test_one_that_somebody_holds_is_left_alone(place: Place) -> None:
    await place.add("session_1")
    await place.leases.acquire(["session:session_1"], HELD, 15)
    await place.reconciler.reconcile()
    assert place.sessions.rows["session_1"].ended_at is None
    assert place.machine.stopped == []
    assert list(await place.worktrees.reserved()) == ["session_1"]


async def test_a_folder_kept_for_nobody_is_free_again_unless_one_is_just_starting(place: Place) -> None:
    for one in ("session_dead", "session_new"):
        await place.worktrees.reserve(one, "p", Path("/fake"), place.start, "fake")
    await place.leases.acquire(["session:session_new"], HELD, 15)
    await place.reconciler.reconcile()
    assert list(await place.worktrees.reserved()) == ["session_new"]


async def test_an_execution_that_nobody_carries_out_any_more_is_lost(place: Place) -> None:
    asked = Execution("exec_1", "fake", "x", None, 1_000, 1_000, "ada", to_text(place.clock()))
    for name in ("exec_dead", "exec_held", "exec_queued"):
        await place.executions.create(replace(asked, id=name), 9)
    await place.executions.begin("exec_dead", "turn_1")
    await place.executions.begin("exec_held", "turn_2")
    await place.leases.acquire(["run:exec_held"], HELD, 600)
    await place.reconciler.reconcile()
    states = {name: one.state for name, one in place.executions.rows.items()}
    assert states == {
        "exec_dead": ExecutionState.LOST,
        "exec_held": ExecutionState.RUNNING,
        "exec_queued": ExecutionState.QUEUED,
    }
    place.clock.advance(120)
    await place.reconciler.reconcile()
    assert place.executions.rows["exec_queued"].state is ExecutionState.CANCELLED


async def test_only_turns_of_what_has_ended_are_closed(place: Place) -> None:
    place.drift.turns = [("turn_1", "run_over"), ("turn_2", "run_going"), ("turn_3", "run_held")]
    place.over.add("run_held")
    await place.leases.acquire(["run:run_held"], HELD, 15)
    await place.reconciler.reconcile()
    assert place.drift.turns == [("turn_2", "run_going"), ("turn_3", "run_held")]


async def test_what_no_row_knows_is_told_and_kept(place: Place) -> None:
    folder = await place.worktrees.lend("run_1", "p", Path("/fake"), "b", place.start)
    place.worktrees.strange, place.worktrees.missing = [Path("/w/slot_strange")], [folder]
    await place.reconciler.reconcile()
    assert [(one.kind, one.subject) for one in place.drift.found] == [
        ("unknown_folder", "/w/slot_strange"),
        ("worktree_missing", "run_1"),
        ("branch_without_run", "p/feature/x"),
    ]
    assert list(await place.worktrees.lent()) == ["run_1"]


async def test_one_that_resists_is_a_finding_and_keeps_no_other_from_its_end(place: Place) -> None:
    await place.add("session_1")
    await place.add("session_2")
    stop = place.machine.stop_all_of

    async def survives(owner: str) -> int:
        if owner == "session_1":
            raise TimeoutError("processes survive SIGKILL: [7]")
        return await stop(owner)

    place.machine.stop_all_of = survives  # type: ignore[method-assign]
    place.machine.alive = {"session_1"}
    await place.reconciler.reconcile()
    assert place.sessions.rows["session_1"].ended_at is None
    assert place.sessions.rows["session_2"].ended_at is not None
    stuck = [one for one in place.drift.found if one.kind == "cannot_be_mended"]
    assert [(one.subject, one.note) for one in stuck] == [("session_1", "processes survive SIGKILL: [7]")]
    place.machine.stop_all_of = stop  # type: ignore[method-assign]
    await place.reconciler.reconcile()
    assert place.sessions.rows["session_1"].ended_at is not None
    assert "cannot_be_mended" not in {one.kind for one in place.drift.found}


async def test_orphans_are_stopped_unless_somebody_holds_them(place: Place) -> None:
    place.machine.alive = {"run_dead", "session_dead", "run_held"}
    await place.leases.acquire(["run:run_held"], HELD, 15)
    await place.reconciler.reconcile()
    assert place.machine.alive == {"run_held"}
