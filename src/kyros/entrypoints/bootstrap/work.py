"""What the server and the worker do with delegations."""

from collections.abc import Mapping

from kyros.delegation.handlers import delegation_handlers
from kyros.delegation.service import Delegations, Notice, OpeningSteps, Walker, WorkSteps
from kyros.delegation.service.steps import Steps
from kyros.drivers.adapters.driver import AgentDriver
from kyros.engine.ports import Handler
from kyros.entrypoints.bootstrap.house import House
from kyros.fleet.adapters.recordings import CastRecordings, FileShelf
from kyros.fleet.adapters.secrets import ShapeScanner, load_detectors
from kyros.fleet.adapters.transcripts import JsonlTranscripts
from kyros.fleet.adapters.worktrees import PooledWorktrees
from kyros.fleet.model.retention import Keeping
from kyros.fleet.service import Attending, Fleet, Judge, Meter, Retention
from kyros.infra.telemetry import get_log
from kyros.kernel.clock import utc_now
from kyros.kernel.ids import new_id

SWEEP_SECONDS = 30.0


def delegations(house: House) -> Delegations:
    """The front desk of the server: it opens branch and pull request itself, the rest is a worker's."""
    return Delegations(
        runs=house.runs,
        forge=house.forge,
        walker=_walker(house, OpeningSteps(house.forge, house.runs).steps()),
        profiles=house.profiles,
        queue=house.queue,
        bus=house.bus,
        clock=utc_now,
        new_id=new_id,
        agent=house.settings.agent,
        timeout_seconds=house.settings.agent_timeout_seconds,
        ledger=house.ledger,
        budgets=house.budgets,
        pauses=house.pauses,
    )


def warm_up() -> None:
    """What a worker's first run would otherwise wait for. Blocks: call it in a thread."""
    load_detectors()


def handlers(house: House) -> Mapping[str, Handler]:
    """What the worker does."""
    settings = house.settings
    worktrees = PooledWorktrees(
        house.home.worktrees, lambda project: house.home.forge / f"{project}.git", new_id
    )
    fleet = Fleet(
        driver=AgentDriver(),
        profiles=house.profiles,
        turns=house.turns,
        judge=Judge(
            approvals=house.approvals,
            answers=house.answers,
            profiles=house.profiles,
            worktrees=worktrees,
            clock=utc_now,
            new_id=new_id,
            patience_seconds=settings.approval_seconds,
        ),
        attending=Attending(house.bus),
        recordings=CastRecordings(
            house.home.recordings, lambda run_id: house.bus.publish(f"log:{run_id}", b"")
        ),
        transcripts=JsonlTranscripts(house.home.recordings),
        machine=house.machine,
        meter=Meter(turns=house.turns, ledger=house.ledger, budgets=house.budgets, clock=utc_now),
        limits=house.limits,
        clock=utc_now,
        new_id=new_id,
    )
    work = WorkSteps(
        runs=house.runs,
        tasks=house.tasks,
        leases=house.leases,
        forge=house.forge,
        fleet=fleet,
        turns=house.turns,
        worktrees=worktrees,
        machine=house.machine,
        scanner=ShapeScanner(),
        limits=house.limits,
        lease_ttl_seconds=settings.lease_ttl_seconds,
        check_timeout_seconds=settings.check_timeout_seconds,
    )
    steps = {**OpeningSteps(house.forge, house.runs).steps(), **work.steps()}
    return delegation_handlers(
        walker=_walker(house, steps),
        runs=house.runs,
        approvals=house.approvals,
        pulls=house.pulls,
        leases=house.leases,
        worktrees=worktrees,
        machine=house.machine,
        queue=house.queue,
        retention=Retention(
            FileShelf(house.home.recordings),
            house.events,
            utc_now,
            Keeping(settings.keep_recordings_days, settings.keep_recordings_bytes),
        ),
        limits=house.limits,
        holder=house.holder,
        sweep_seconds=SWEEP_SECONDS,
    )


def _walker(house: House, steps: Steps) -> Walker:
    log = get_log("kyros.delegation")
    return Walker(
        holder=house.holder,
        runs=house.runs,
        tasks=house.tasks,
        leases=house.leases,
        machine=house.machine,
        bus=house.bus,
        steps=steps,
        pace=house.pace,
        notice=Notice(house.forge, house.tasks),
        limits=house.limits,
        report_defect=lambda run_id, error: log.error("a step broke", run_id=run_id, exc_info=error),
    )
