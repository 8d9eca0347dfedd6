"""Wires the rooms: the only place that names a concrete store or adapter."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from kyros.auth.store import OperatorToken
from kyros.collab.ports import LeaseStore, TaskStore
from kyros.collab.store import SqlLeaseStore, SqlTaskStore
from kyros.delegation.handlers import delegation_handlers
from kyros.delegation.ports import RunStore
from kyros.delegation.service import Delegations, Notice, OpeningSteps, Pace, Pulls, Walker, WorkSteps
from kyros.delegation.service.steps import Steps
from kyros.delegation.store import SqlRunStore
from kyros.drivers.adapters.driver import AgentDriver
from kyros.drivers.adapters.profiles import load_profiles
from kyros.drivers.ports import Profiles
from kyros.engine.adapters.embedded.bus import ClientBus, HubBus, SocketBus
from kyros.engine.adapters.embedded.queue import EmbeddedQueue
from kyros.engine.adapters.embedded.rounds import Worker
from kyros.engine.ports import Handler
from kyros.entrypoints.home import Home
from kyros.events.store import SqlEventLog
from kyros.fleet.adapters.machine import LocalMachine
from kyros.fleet.adapters.recordings import CastFiles, CastRecordings
from kyros.fleet.adapters.secrets import ShapeScanner, load_detectors
from kyros.fleet.adapters.worktrees import PooledWorktrees
from kyros.fleet.ports import Turns
from kyros.fleet.service import Fleet
from kyros.fleet.store import SqlTurns
from kyros.forge.adapters.builtin import BuiltinForge
from kyros.forge.ports import Forge
from kyros.forge.store import SqlForgeStore
from kyros.infra.db import SqliteDatabase
from kyros.infra.git import sync_what_is_written
from kyros.infra.telemetry import get_log
from kyros.kernel.clock import utc_now
from kyros.kernel.ids import new_id
from kyros.kernel.settings import Settings

SWEEP_SECONDS = 30.0


@dataclass(frozen=True)
class House:
    """The rooms both processes share, wired to one home. `holder` names this process until it ends."""

    settings: Settings
    home: Home
    holder: str
    database: SqliteDatabase
    events: SqlEventLog
    bus: SocketBus
    queue: EmbeddedQueue
    tasks: TaskStore
    leases: LeaseStore
    forge: Forge
    turns: Turns
    runs: RunStore
    profiles: Profiles
    machine: LocalMachine
    recordings: CastFiles

    @property
    def pulls(self) -> Pulls:
        return Pulls(runs=self.runs, tasks=self.tasks, forge=self.forge, queue=self.queue, clock=utc_now)

    @property
    def pace(self) -> Pace:
        return Pace(self.settings.lease_ttl_seconds, self.settings.run_attempts, random.random)


def open_server(settings: Settings) -> AbstractAsyncContextManager[House]:
    """The server's house: it holds the bus."""
    return _open(settings, HubBus(settings.home), "server")


def open_worker(settings: Settings, name: str) -> AbstractAsyncContextManager[House]:
    """A worker's house: it joins the bus. Of workers with one name only the newest lives: it takes over
    at once what the others held."""
    return _open(settings, ClientBus(settings.home), name)


def operator_token(home: Home) -> str:
    """The operator's token; written at first start."""
    return OperatorToken(home.root).ensure()


@dataclass(frozen=True)
class InstalledProfile:
    """`program` is the absolute path found, None when it is not installed."""

    name: str
    title: str
    is_model: bool
    program: str | None
    install_hint: str


def profile_problems(home: Home) -> dict[str, str]:
    """Profile files that cannot be used: by name, what is wrong and what to do."""
    return {name: problem.message for name, problem in load_profiles(home.profiles).problems.items()}


def installed_profiles(home: Home) -> list[InstalledProfile]:
    """Every profile and whether its program is on the PATH."""
    profiles = load_profiles(home.profiles)
    return [
        InstalledProfile(one.name, one.title, one.is_model, profiles.find_program(one), one.install_hint)
        for one in profiles.all()
    ]


@asynccontextmanager
async def _open(settings: Settings, bus: HubBus | ClientBus, role: str) -> AsyncIterator[House]:
    """Open stores and bus; what dead predecessors of this role held is free again when this enters."""
    home = Home(settings.home)
    sync_what_is_written()
    boot = new_id("boot")
    database = SqliteDatabase(home.database)
    try:
        async with bus:
            house = _furnish(settings, home, bus, role, boot, database)
            _wire_wakes(house)
            await house.leases.void(f"{role}@", house.holder)
            async with _hearing(house):
                yield house
    finally:
        database.close()


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
        worktrees=worktrees,
        recordings=CastRecordings(
            house.home.recordings, lambda run_id: house.bus.publish(f"log:{run_id}", b"")
        ),
        machine=house.machine,
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
        lease_ttl_seconds=settings.lease_ttl_seconds,
        check_timeout_seconds=settings.check_timeout_seconds,
    )
    steps = {**OpeningSteps(house.forge, house.runs).steps(), **work.steps()}
    return delegation_handlers(
        walker=_walker(house, steps),
        runs=house.runs,
        pulls=house.pulls,
        leases=house.leases,
        worktrees=worktrees,
        machine=house.machine,
        queue=house.queue,
        holder=house.holder,
        sweep_seconds=SWEEP_SECONDS,
    )


def _furnish(
    settings: Settings, home: Home, bus: SocketBus, role: str, boot: str, database: SqliteDatabase
) -> House:
    events = SqlEventLog(database)
    queue = EmbeddedQueue(database, Worker(role, boot))
    tasks = SqlTaskStore(database, events)
    return House(
        settings=settings,
        home=home,
        holder=f"{role}@{boot}",
        database=database,
        events=events,
        bus=bus,
        queue=queue,
        tasks=tasks,
        leases=SqlLeaseStore(database, events),
        forge=BuiltinForge(home.forge, SqlForgeStore(database, events, utc_now), utc_now, new_id),
        turns=SqlTurns(database, events),
        runs=SqlRunStore(database, tasks=tasks, outbox=events, queue=queue, clock=utc_now),
        profiles=load_profiles(home.profiles),
        machine=LocalMachine(home.installation(), home.agents, settings.agent_env),
        recordings=CastFiles(home.recordings),
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
        report_defect=lambda run_id, error: log.error("a step broke", run_id=run_id, exc_info=error),
    )


def _wire_wakes(house: House) -> None:
    """A commit here wakes our own readers and nudges the other process."""

    def tell(topics: Iterable[str]) -> None:
        for topic in topics:
            house.bus.publish(f"committed:{topic}", b"")

    house.database.listener = tell


@asynccontextmanager
async def _hearing(house: House) -> AsyncIterator[None]:
    """While open, a commit of any process wakes the tail of events and the queue."""
    wakes = {"committed:events": house.events.wake, "committed:jobs": house.queue.wake}

    async def hear(topic: str) -> None:
        async with house.bus.subscribe(topic) as nudges:
            async for _ in nudges:
                wakes[topic]()

    hearing = [asyncio.create_task(hear(topic), name=f"hear {topic}") for topic in wakes]
    try:
        yield
    finally:
        for task in hearing:
            task.cancel()
        await asyncio.gather(*hearing, return_exceptions=True)
