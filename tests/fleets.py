"""A fleet for tests: what a test does not bring is in memory."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from kyros.drivers.ports import Driver, Profiles
from kyros.engine.fake import FakeBus
from kyros.events.ports import Outbox
from kyros.fleet.fake import (
    FakeApprovals,
    FakeBranches,
    FakeBudgets,
    FakeLedger,
    FakeMachine,
    FakePauses,
    FakeRecordings,
    FakeTranscripts,
    FakeTurns,
    FakeWorktrees,
)
from kyros.fleet.service import Answers, Attending, Fleet, Judge, Limits, Meter
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
    return Fleet(
        driver=driver,
        profiles=profiles,
        turns=turns,
        judge=judge_of(profiles, outbox, clock=clock, **given),
        attending=Attending(FakeBus()),
        recordings=given.get("recordings") or FakeRecordings(),
        transcripts=FakeTranscripts(),
        machine=given.get("machine") or FakeMachine(),
        meter=Meter(turns=turns, ledger=ledger, budgets=budgets, clock=clock),
        limits=Limits(pauses, clock),
        clock=clock,
        new_id=new_id,
    )
