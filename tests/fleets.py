"""A fleet for tests: what a test does not bring is in memory."""

from pathlib import Path

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
from kyros.fleet.ports import Approvals, Machine, Pauses, Recordings, Turns, Worktrees
from kyros.fleet.service import Answers, Attending, Fleet, Judge, Limits, Meter, Pool
from kyros.kernel.clock import Clock, utc_now
from kyros.kernel.ids import NewId, new_id


def judge_of(
    profiles: Profiles,
    approvals: Approvals,
    worktrees: Worktrees,
    clock: Clock = utc_now,
    new_id: NewId = new_id,
) -> Judge:
    return Judge(
        approvals=approvals,
        answers=Answers(approvals, look_seconds=0.01),
        profiles=profiles,
        worktrees=worktrees,
        clock=clock,
        new_id=new_id,
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
    clock: Clock = utc_now,
    new_id: NewId = new_id,
    worker: str = "worker-1@boot_1",
    start_seconds: float = 10.0,
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
        limits=PoolLimits(0, 4, 10, 600.0, start_seconds, lease_ttl_seconds),
    )  # fmt: skip


def fleet_of(
    driver: Driver,
    profiles: Profiles,
    outbox: Outbox,
    *,
    turns: Turns | None = None,
    worktrees: Worktrees | None = None,
    recordings: Recordings | None = None,
    machine: Machine | None = None,
    approvals: Approvals | None = None,
    pauses: Pauses | None = None,
    start_seconds: float = 10.0,
    new_id: NewId = new_id,
) -> Fleet:
    """What is not brought is in memory; no budget and no pause holds anybody up."""
    approvals = approvals or FakeApprovals(outbox)
    known = FakeTurns(outbox, approvals)
    turns, machine = turns or known, machine or FakeMachine()
    worktrees = worktrees or FakeWorktrees(FakeBranches())
    leases = Leases(FakeCollabStore(FakeEventLog(), utc_now))
    return Fleet(
        pool=pool_of(
            driver,
            profiles,
            outbox,
            leases,
            machine=machine,
            worktrees=worktrees,
            start_seconds=start_seconds,
            new_id=new_id,
        ),
        turns=turns,
        judge=judge_of(profiles, approvals, worktrees),
        attending=Attending(FakeBus()),
        recordings=recordings or FakeRecordings(),
        transcripts=FakeTranscripts(),
        machine=machine,
        meter=Meter(turns=turns, ledger=FakeLedger(known), budgets=FakeBudgets(outbox), clock=utc_now),
        limits=Limits(pauses or FakePauses(outbox), utc_now),
        clock=utc_now,
        new_id=new_id,
    )
