"""Prompts that somebody waits for: asked on the server, carried out once by a worker, answered at once."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from kyros.collab.errors import LeaseHeld, LeaseLost
from kyros.collab.service.leases import Leases
from kyros.drivers.errors import AgentNotInstalled
from kyros.drivers.model import ResultKind
from kyros.drivers.ports import Profiles
from kyros.engine.model import Again
from kyros.engine.ports import Bus
from kyros.fleet.errors import PoolBusy
from kyros.fleet.model import EXECUTION_LOST, Execution, ExecutionState, Turn, TurnOrder, Wish
from kyros.fleet.model.pool import RETRY_SECONDS
from kyros.fleet.ports import Executions, Folders, Machine, Sessions
from kyros.fleet.service.fleet import Fleet
from kyros.fleet.service.heard import Heard
from kyros.fleet.service.pool import Pool
from kyros.fleet.service.reconciler import unless_held
from kyros.kernel.clock import Clock, from_text, to_text
from kyros.kernel.errors import Busy, KyrosError, Upstream
from kyros.kernel.ids import NewId

STOP_ALL = "stop:all"
"""On the bus: nobody shall be at work, and nothing be kept ready."""

_LOOK_SECONDS = 1.0
_GRACE_SECONDS = 30.0
_ENDINGS = {
    ResultKind.OK: ExecutionState.DONE,
    ResultKind.COMPACTED: ExecutionState.DONE,
    ResultKind.TIMED_OUT: ExecutionState.TIMED_OUT,
    ResultKind.CANCELLED: ExecutionState.CANCELLED,
}


class Counter:
    """The server's side. Hand `wake` to whoever hears of commits: those who wait look again then."""

    def __init__(
        self,
        *,
        executions: Executions,
        sessions: Sessions,
        folders: Folders,
        profiles: Profiles,
        leases: Leases,
        bus: Bus,
        clock: Clock,
        new_id: NewId,
        agent: str,
        queue_ms: int,
        most_queued: int,
    ) -> None:
        self._executions = executions
        self._sessions = sessions
        self._folders = folders
        self._profiles = profiles
        self._leases = leases
        self._bus = bus
        self._clock = clock
        self._new_id = new_id
        self._agent = agent
        self._queue_ms = queue_ms
        self._most_queued = most_queued
        self._news = asyncio.Event()

    def wake(self) -> None:
        self._news, told = asyncio.Event(), self._news
        told.set()

    async def execute(
        self,
        prompt: str,
        timeout_ms: int,
        actor: str,
        profile: str | None = None,
        cwd: str | None = None,
        queue_ms: int | None = None,
    ) -> Execution:
        """Asked, and over when this returns. Whoever is cut off while they wait stops it.

        Raises PoolBusy (nobody was free in time; it never runs), FolderRefused, ProfileNotFound and
        AgentNotInstalled.
        """
        agent = self._checked(profile or self._agent)
        folder = None if cwd is None else str(await self._folders.permitted(cwd))
        wait_ms = self._queue_ms if queue_ms is None else queue_ms
        now = to_text(self._clock())
        execution = Execution(
            self._new_id("exec"), agent, prompt, folder, timeout_ms, wait_ms, asked_by=actor, asked_at=now
        )
        creating = asyncio.ensure_future(self._executions.create(execution, self._most_queued))
        try:
            await asyncio.shield(creating)
            return await self._outcome(execution)
        except asyncio.CancelledError:
            await asyncio.shield(self._call_off(execution.id, creating))
            raise

    async def _call_off(self, execution_id: str, creating: "asyncio.Future[None]") -> None:
        """Who asked is gone, perhaps while it was still written down."""
        await asyncio.wait({creating})
        if creating.exception() is None:
            await self.stop(execution_id)

    async def stop(self, execution_id: str) -> None:
        """It ends soon, and what has not begun never does."""
        note = "Nobody waits for it any more."
        if not await self._executions.cancel_queued(execution_id, note, to_text(self._clock())):
            await self._executions.ask_stop(execution_id)
            self._bus.publish(f"stop:{execution_id}", b"")

    async def queued(self) -> int:
        """How many wait for a session."""
        return sum(one.state is ExecutionState.QUEUED for one in await self._executions.unfinished())

    async def stop_all(self) -> int:
        """Every execution, and every session that waits for work. Returns how many executions were asked."""
        open_ones = await self._executions.unfinished()
        for one in open_ones:
            await self.stop(one.id)
        await self._sessions.ask_stop_all()
        self._bus.publish(STOP_ALL, b"")
        return len(open_ones)

    async def _outcome(self, asked: Execution) -> Execution:
        loop = asyncio.get_running_loop()
        queue_until = loop.time() + asked.queue_ms / 1000
        give_up = queue_until + asked.timeout_ms / 1000 + _GRACE_SECONDS
        while True:
            news = self._news  # taken before we look: what happens while we look is not missed
            execution = await self._executions.get(asked.id)
            if execution.is_over:
                return _unless_refused(execution)
            now = loop.time()
            if execution.state is ExecutionState.QUEUED and now >= queue_until:
                await self._refuse(asked)
                continue
            if now >= give_up:
                if await unless_held(self._leases, "server", f"run:{asked.id}", partial(self._lose, asked)):
                    continue
                give_up = (
                    now + _GRACE_SECONDS
                )  # its worker is at it: time in which a person is asked is extra
            until = queue_until if execution.state is ExecutionState.QUEUED else give_up
            with suppress(TimeoutError):
                async with asyncio.timeout(min(_LOOK_SECONDS, max(0.001, until - now))):
                    await news.wait()

    async def _refuse(self, asked: Execution) -> None:
        """Nobody began it in time: now nobody will."""
        note = _busy_words(asked)
        await self._executions.cancel_queued(asked.id, note, to_text(self._clock()))

    async def _lose(self, asked: Execution) -> None:
        """Its lease is free: its worker is gone; should it still be there, it stops."""
        await self.stop(asked.id)
        note = f"It was not over after {asked.timeout_ms} ms, and its worker is silent: it was told to stop."
        await self._executions.end(asked.id, ExecutionState.TIMED_OUT, note, to_text(self._clock()))

    def _checked(self, name: str) -> str:
        profile = self._profiles.get(name)
        if self._profiles.find_program(profile) is None:
            raise AgentNotInstalled(
                f"{profile.title} is not installed here ({profile.command[0]} is not on the PATH): "
                f"{profile.install_hint}",
                agent=name,
            )
        return profile.name


class _Stopped(Exception):
    """Why it must end before its time."""

    def __init__(self, state: ExecutionState, note: str) -> None:
        super().__init__(note)
        self.state = state
        self.note = note


class Executor:
    """The worker's side. An execution runs once or never: one whose worker died in it is lost."""

    def __init__(
        self,
        *,
        executions: Executions,
        pool: Pool,
        fleet: Fleet,
        leases: Leases,
        machine: Machine,
        bus: Bus,
        clock: Clock,
        new_id: NewId,
        holder: str,
        lease_ttl_seconds: float,
        report: Callable[[str, BaseException], None],
    ) -> None:
        self._report = report
        self._executions = executions
        self._pool = pool
        self._fleet = fleet
        self._leases = leases
        self._machine = machine
        self._bus = bus
        self._clock = clock
        self._new_id = new_id
        self._holder = holder
        self._lease_ttl_seconds = lease_ttl_seconds
        self._numbers = itertools.count(1)

    async def carry_out(self, execution_id: str) -> Again | None:
        """Again: somebody else is at it."""
        holder, resource = f"{self._holder}/{next(self._numbers)}", f"run:{execution_id}"
        try:
            await self._leases.acquire([resource], holder, self._lease_ttl_seconds)
        except LeaseHeld:
            return Again(_LOOK_SECONDS)
        try:
            execution = await self._executions.get(execution_id)
            if execution.state is ExecutionState.RUNNING:
                await self._machine.stop_all_of(execution_id)
                await self._end(execution_id, ExecutionState.LOST, EXECUTION_LOST)
            elif not execution.is_over:
                await self._attempt(execution, holder)
        finally:
            await asyncio.shield(self._leases.release(holder, [resource]))
        return None

    async def _attempt(self, execution: Execution, holder: str) -> None:
        heard = Heard()
        try:
            turn = await self._unless_stopped(execution, holder, self._run(execution, heard))
        except PoolBusy as busy:
            await self._executions.cancel_queued(execution.id, busy.message, to_text(self._clock()))
        except _Stopped as stopped:
            await self._end(execution.id, stopped.state, stopped.note, heard.text)
        except KyrosError as error:
            await self._end(execution.id, ExecutionState.FAILED, error.message, heard.text)
        except Exception as error:
            self._report(f"{execution.id} broke", error)
            words = str(error) or type(error).__name__
            await self._end(execution.id, ExecutionState.FAILED, words, heard.text)
        except asyncio.CancelledError:
            await asyncio.shield(self._lose(execution.id, heard))
            raise
        else:
            state = _ENDINGS.get(turn.result_kind or ResultKind.LOST, ExecutionState.FAILED)
            await self._end(execution.id, state, turn.note, heard.text)

    async def _run(self, execution: Execution, heard: Heard) -> Turn:
        folder = None if execution.folder is None else Path(execution.folder)
        wish = Wish(execution.profile, execution.id, folder)
        deadline = from_text(execution.asked_at) + timedelta(milliseconds=execution.queue_ms)
        await self._fleet.check(_order(execution, folder or Path()))
        left = max(0.0, (deadline - self._clock()).total_seconds())
        turn_id = self._new_id("turn")

        async def begins() -> None:
            if not await self._executions.begin(execution.id, turn_id):
                raise _Stopped(ExecutionState.CANCELLED, "It was called off.")

        async with self._pool.holding(wish, left) as live:
            return await self._fleet.turn_in(
                live, _order(execution, live.folder), turn_id, heard, begins=begins
            )

    async def _unless_stopped(self, execution: Execution, holder: str, work: Awaitable[Turn]) -> Turn:
        working = asyncio.ensure_future(work)
        guard = asyncio.create_task(self._guard(execution.id, holder))
        try:
            await asyncio.wait({working, guard}, return_when=asyncio.FIRST_COMPLETED)
            return working.result() if working.done() else guard.result()
        finally:
            for task in (working, guard):
                task.cancel()
            await asyncio.shield(_ended(working, guard))

    async def _guard(self, execution_id: str, holder: str) -> NoReturn:
        """Keep the lease; raise why it must end: somebody's stop, or the lease lost."""
        async with self._bus.subscribe(f"stop:{execution_id}") as nudges:
            while True:
                try:
                    execution = await self._executions.get(execution_id)
                    if execution.stop_asked or execution.is_over:
                        raise _Stopped(ExecutionState.CANCELLED, "It was stopped.")
                    await self._leases.heartbeat(holder, [f"run:{execution_id}"])
                except LeaseLost:
                    raise _Stopped(ExecutionState.LOST, EXECUTION_LOST) from None
                except (Busy, Upstream):  # the database is away for a moment: a beat is missed, no more
                    pass
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(2.0, self._lease_ttl_seconds / 3)):
                        await anext(nudges)

    async def _lose(self, execution_id: str, heard: Heard) -> None:
        """The worker stops. What nobody began goes back to the queue."""
        if (await self._executions.get(execution_id)).state is not ExecutionState.QUEUED:
            await self._end(execution_id, ExecutionState.LOST, EXECUTION_LOST, heard.text)

    async def _end(self, execution_id: str, state: ExecutionState, note: str, output: str = "") -> None:
        await self._executions.end(execution_id, state, note, to_text(self._clock()), output)


def _order(execution: Execution, folder: Path) -> TurnOrder:
    return TurnOrder(
        run_id=execution.id,
        agent=execution.profile,
        prompt=execution.prompt,
        worktree=folder,
        timeout_seconds=execution.timeout_ms / 1000,
        wake_reason="execution",
    )


def _unless_refused(execution: Execution) -> Execution:
    """Raises PoolBusy for one that nobody began."""
    if execution.state is ExecutionState.CANCELLED and execution.turn_id is None and not execution.stop_asked:
        raise PoolBusy(execution.note or _busy_words(execution), retry_after_seconds=RETRY_SECONDS)
    return execution


def _busy_words(execution: Execution) -> str:
    return (
        f"No session was free within {execution.queue_ms} ms: try again later, wait longer (queueMs), "
        "or raise KYROS_POOL_MAX."
    )


async def _ended(*tasks: "asyncio.Future[Any]") -> None:
    await asyncio.gather(*tasks, return_exceptions=True)
