"""A fleet for tests: what a test does not bring is in memory."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from kyros.collab.fake import FakeCollabStore
from kyros.collab.service.leases import Leases
from kyros.drivers.ports import Driver, Profiles
from kyros.engine.fake import FakeBus
from kyros.events.fake import FakeEventLog
from kyros.events.ports import Outbox
from kyros.fleet.fake import (
    FakeApprovals,
    FakeBranches,
    FakeBudgets,
    FakeFolders,
    FakeLedger,
    FakeMachine,
    FakePauses,
    FakeRecordings,
    FakeSessions,
    FakeTranscripts,
    FakeTurns,
    FakeWorktrees,
)
from kyros.fleet.model import PoolLimits
from kyros.fleet.ports import Machine, Worktrees
from kyros.fleet.service import Answers, Attending, Fleet, Judge, Limits, Meter, Pool
from kyros.kernel.clock import utc_now
from kyros.kernel.ids import new_id


def judge_of(profiles: Profiles, outbox: Outbox, **given: Any) -> Judge:
    approvals = given.get("approvals") or FakeApprovals(outbox)
    return Judge(
        approvals=approvals,
        answers=Answers(approvals, look_seconds=0.01),
        profiles=profiles,
        worktrees=given.get("worktrees") or FakeWorktrees(FakeBranches()),
        clock=given.get("clock") or utc_now,
        new_id=given.get("new_id") or new_id,
        patience_seconds=60,
    )


def pool_of(
    driver: Driver,
    profiles: Profiles,
    outbox: Outbox,
    leases: Leases,
    *,
    machine: Machine,
    worktrees: Worktrees,
    clock: Callable[[], datetime] = utc_now,
    new_id: Callable[[str], str] = new_id,
    worker: str = "worker-1@boot_1",
    lease_ttl_seconds: float = 15.0,
) -> Pool:
    """Nothing is started ahead."""

    async def base(project_id: str) -> tuple[Path, str]:
        raise AssertionError("nothing is started ahead")

    def report(what: str, error: BaseException) -> None:
        raise AssertionError(what) from error

    return Pool(
        driver=driver, profiles=profiles, sessions=FakeSessions(outbox), machine=machine, worktrees=worktrees,
        folders=FakeFolders(), leases=leases, base=base, clock=clock, new_id=new_id, random=lambda: 0.5,
        worker=worker, host="here", report=report,
        limits=PoolLimits(0, 4, 10, 600.0, 10.0, lease_ttl_seconds),
    )  # fmt: skip


def fleet_of(
    driver: Driver,
    profiles: Profiles,
    outbox: Outbox,
    *,
    clock: Callable[[], datetime] = utc_now,
    **given: Any,
) -> Fleet:
    """`given`: turns, worktrees, recordings, machine, approvals; what is missing is a fake."""
    turns = given.get("turns") or FakeTurns(outbox)
    budgets, pauses = FakeBudgets(outbox), FakePauses(outbox)
    ledger = FakeLedger(turns if isinstance(turns, FakeTurns) else FakeTurns(outbox))
    machine = given.get("machine") or FakeMachine()
    worktrees = given.get("worktrees") or FakeWorktrees(FakeBranches())
    leases = Leases(FakeCollabStore(FakeEventLog(), clock))
    return Fleet(
        pool=pool_of(driver, profiles, outbox, leases, machine=machine, worktrees=worktrees, clock=clock),
        turns=turns,
        judge=judge_of(profiles, outbox, clock=clock, **given),
        attending=Attending(FakeBus()),
        recordings=given.get("recordings") or FakeRecordings(),
        transcripts=FakeTranscripts(),
        machine=machine,
        meter=Meter(turns=turns, ledger=ledger, budgets=budgets, clock=clock),
        limits=Limits(pauses, clock),
        clock=clock,
        new_id=new_id,
    )
