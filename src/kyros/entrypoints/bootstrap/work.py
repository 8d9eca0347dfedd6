"""What the server and the worker do with delegations and executions."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from kyros.collab.model import Budget
from kyros.delegation.handlers import delegation_handlers
from kyros.delegation.service import Delegations, Notice, OpeningSteps, Strays, Walker, WorkSteps
from kyros.delegation.service.steps import Steps
from kyros.drivers.adapters.driver import AgentDriver
from kyros.engine.ports import Handler
from kyros.entrypoints.bootstrap.furnishing import folders_of
from kyros.entrypoints.bootstrap.house import House
from kyros.fleet.adapters.recordings import CastRecordings, FileShelf
from kyros.fleet.adapters.secrets import ShapeScanner, load_detectors
from kyros.fleet.adapters.transcripts import JsonlTranscripts
from kyros.fleet.adapters.worktrees import Bounds, PooledWorktrees
from kyros.fleet.handlers import fleet_handlers
from kyros.fleet.model import PoolLimits, TurnOrder
from kyros.fleet.model.retention import Keeping
from kyros.fleet.service import (
    STOP_ALL,
    Attending,
    Executor,
    Fleet,
    Judge,
    Meter,
    Pool,
    Reconciler,
    Retention,
)
from kyros.infra.telemetry import get_log
from kyros.kernel.clock import utc_now
from kyros.kernel.ids import new_id

SWEEP_SECONDS = 30.0
_POOL_BEAT_SECONDS = 2.0


def delegations(house: House) -> Delegations:
    """The front desk of the server: it opens branch and pull request itself, the rest is a worker's."""
    return Delegations(
        runs=house.runs,
        tasks=house.tasks,
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
        stop_fleet=house.counter.stop_all,
    )


def warm_up() -> None:
    """What a worker's first run would otherwise wait for. Blocks: call it in a thread."""
    load_detectors()


@asynccontextmanager
async def working(house: House) -> AsyncIterator[Mapping[str, Handler]]:
    """What the worker does, by job; while open, its pool starts sessions and ends them."""
    settings = house.settings
    worktrees = PooledWorktrees(
        house.home.worktrees,
        lambda project: house.home.forge / f"{project}.git",
        new_id,
        Bounds(settings.worktree_spare, settings.worktree_bytes),
    )
    pool = _pool(house, worktrees)
    fleet = Fleet(
        pool=pool,
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
        meter=Meter(
            turns=house.turns,
            ledger=house.ledger,
            budgets=house.budgets,
            clock=utc_now,
            own_limits=partial(_own_limits, house),
        ),
        limits=house.limits,
        clock=utc_now,
        new_id=new_id,
    )
    executor = Executor(
        executions=house.executions,
        pool=pool,
        fleet=fleet,
        leases=house.leases,
        machine=house.machine,
        bus=house.bus,
        clock=utc_now,
        new_id=new_id,
        holder=house.holder,
        lease_ttl_seconds=settings.lease_ttl_seconds,
        report=lambda what, error: get_log("kyros.fleet").error(what, exc_info=error),
    )
    beats = [
        asyncio.create_task(_beating(pool, settings.lease_ttl_seconds), name="pool"),
        asyncio.create_task(_heeding(house, pool), name="stop of the pool"),
    ]
    try:
        yield {**_delegating(house, fleet, worktrees), **fleet_handlers(executor)}
    finally:
        for beat in beats:
            beat.cancel()
        await asyncio.gather(*beats, return_exceptions=True)
        await pool.close()


async def _own_limits(house: House, order: TurnOrder) -> tuple[Budget, Budget]:
    """As they are now, not as they were when the turn was ordered."""
    if order.task_id is None:
        return order.budget, order.task_budget
    run, task = await house.runs.get(order.run_id), await house.tasks.get(order.task_id)
    return run.budget, task.budget


def _pool(house: House, worktrees: PooledWorktrees) -> Pool:
    settings, log = house.settings, get_log("kyros.fleet")

    async def base(project_id: str) -> tuple[Path, str]:
        project = await house.forge.project(project_id)
        sha = await house.forge.base_of(project_id, project.default_base)
        return await house.forge.clone_path(project_id), sha

    return Pool(
        driver=AgentDriver(),
        profiles=house.profiles,
        sessions=house.sessions,
        machine=house.machine,
        worktrees=worktrees,
        folders=folders_of(house.home),
        leases=house.leases,
        base=base,
        clock=utc_now,
        new_id=new_id,
        random=random.random,
        worker=house.holder,
        host=socket.gethostname(),
        limits=PoolLimits(
            size=settings.pool_size,
            most=settings.pool_max or settings.worker_slots + settings.pool_size,
            queue=settings.pool_queue,
            idle_seconds=settings.pool_idle_seconds,
            start_seconds=settings.pool_start_seconds,
            lease_ttl_seconds=settings.lease_ttl_seconds,
        ),
        report=lambda what, error: log.error(what, exc_info=error),
    )


async def _beating(pool: Pool, lease_ttl_seconds: float) -> None:
    """A beat that fails is missed; it is not the last."""
    while True:
        try:
            await pool.beat()
        except Exception as error:
            get_log("kyros.fleet").error("the pool missed a beat", exc_info=error)
        await asyncio.sleep(min(_POOL_BEAT_SECONDS, lease_ttl_seconds / 3))


async def _heeding(house: House, pool: Pool) -> None:
    """At once what the next beat would see: everything shall stop."""
    async with house.bus.subscribe(STOP_ALL) as nudges:
        async for _ in nudges:
            await pool.stop_ahead()


def _reconciler(house: House, worktrees: PooledWorktrees) -> Reconciler:
    strays, log = Strays(house.runs, house.forge), get_log("kyros.fleet")
    return Reconciler(
        sessions=house.sessions,
        executions=house.executions,
        drift=house.drift,
        worktrees=worktrees,
        folders=folders_of(house.home),
        machine=house.machine,
        leases=house.leases,
        is_over=strays.is_over,
        finders=[strays.find],
        clock=utc_now,
        holder=f"{house.holder}/reconciler",
        report=lambda what, error: log.error(what, exc_info=error),
    )


def _delegating(house: House, fleet: Fleet, worktrees: PooledWorktrees) -> Mapping[str, Handler]:
    settings = house.settings
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
        reconciler=_reconciler(house, worktrees),
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
