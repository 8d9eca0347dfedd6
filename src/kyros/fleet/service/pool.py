"""Sessions for whoever has work, some of them started ahead. One serves one task and ends with it.

Where a session stands is its *place*: a project (a worktree of it, at the base's head), or none (an empty
folder). For each profile and place used lately a few are kept ready. What is started bears its session's id
in its marker and holds the lease `session:ID`; its row is written before it starts and says when it ended.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from kyros.collab.errors import LeaseHeld, LeaseLost
from kyros.collab.service.leases import Leases
from kyros.drivers.errors import AgentNotInstalled
from kyros.drivers.model import Launch, Outcome, Profile, ResultKind
from kyros.drivers.ports import Driver, Profiles
from kyros.fleet.errors import AgentKeepsFailing, PoolBusy
from kyros.fleet.model import Breaker, PoolLimits, SessionRow, Standing, Wish
from kyros.fleet.model.attach import COLUMNS, ROWS
from kyros.fleet.model.pool import RETRY_SECONDS
from kyros.fleet.ports import Folders, Machine, Sessions, Worktrees
from kyros.fleet.service.leaving import Leaving
from kyros.fleet.service.line import Line
from kyros.fleet.service.live import Live
from kyros.fleet.service.seats import Seat, Seats
from kyros.kernel.clock import Clock, to_text
from kyros.kernel.ids import NewId

POOL_LEASE = "pool:"
"""Begins the lease that each worker's pool holds while it is at work."""

_PROVEN = timedelta(seconds=30)
_SAID_SIGNS = 400
_UNPROVEN = (ResultKind.LOST, ResultKind.FAILED, ResultKind.BLOCKED)


Base = Callable[[str], Awaitable[tuple[Path, str]]]
"""Where the next run of a project will most likely begin: its bare repository and a commit."""


class _Room:
    """The right to start one more session."""


_Granted = Live | _Room


class Pool:
    """Whoever owns it calls `beat` every few seconds, which does what falls due, and `close` at the end."""

    def __init__(
        self,
        *,
        driver: Driver,
        profiles: Profiles,
        sessions: Sessions,
        machine: Machine,
        worktrees: Worktrees,
        folders: Folders,
        leases: Leases,
        base: Base,
        clock: Clock,
        new_id: NewId,
        random: Callable[[], float],
        worker: str,
        host: str,
        limits: PoolLimits,
        report: Callable[[str, BaseException], None],
    ) -> None:
        self._driver = driver
        self._profiles = profiles
        self._sessions = sessions
        self._machine = machine
        self._worktrees = worktrees
        self._folders = folders
        self._leases = leases
        self._base = base
        self._clock = clock
        self._new_id = new_id
        self._random = random
        self._worker = worker
        self._host = host
        self._limits = limits
        self._report = report
        self._leaving = Leaving(machine, worktrees, folders, sessions, leases, report)
        self._live: dict[str, Live] = {}
        self._rooms = 0  # granted, their sessions not there yet
        self._seats = Seats(limits.idle_seconds)
        self._breakers: dict[str, Breaker] = {}
        self._line: Line[Wish, _Granted] = Line(limits.queue, self._grant, self._take_back)
        self._work: set[asyncio.Task[Any]] = set()
        self._filling: asyncio.Task[None] | None = None
        self._asked: set[str] = set()
        self._is_closed = False

    @asynccontextmanager
    async def holding(self, wish: Wish, wait_seconds: float | None = None) -> AsyncIterator[Live]:
        """A session of one's own; it has ended, and all it started, when this leaves.

        Raises AgentNotInstalled, ProfileNotFound, AgentKeepsFailing, and PoolBusy: nobody is free in time.
        """
        live = await self._take(wish, wait_seconds)
        try:
            yield live
        finally:
            await asyncio.shield(self._spawn(self._release(live)))

    async def beat(self) -> None:
        """Keep the leases, write down what changed, end what is idle, gone or to be stopped, start anew."""
        ttl_seconds = self._limits.lease_ttl_seconds
        await self._leases.acquire([f"{POOL_LEASE}{self._worker}"], self._worker, ttl_seconds)
        await self._keep_leases()
        gone = await self._sessions.ended(list(self._live)) if self._live else ()
        asked = {row.id for row in await self._sessions.live() if row.stop_asked}
        for live in list(self._live.values()):
            if live.is_unwritten and not live.is_leaving:
                await self._write(live)
            if live.id in gone:
                live.is_gone = True
            if not live.is_taken and not live.is_leaving and (why := self._why_not_keep(live, asked)):
                self._retire(live, why)
        for live in await self._astray():
            if live.is_waiting:
                self._retire(live, "its folder was given to another")
        if (asked - self._asked) & self._live.keys():
            self._seats.clear()
        self._asked = asked
        self._fill_soon()

    async def stop_ahead(self) -> None:
        """End all that nobody uses; nothing is started again before somebody asks for it."""
        self._seats.clear()
        await self._stop_filling()
        waiting = [live for live in self._live.values() if not live.is_taken]
        for live in waiting:
            self._retire(live, "stopped by a person")
        await self._settle()

    async def close(self) -> None:
        """Refuse whoever comes, end what waits, and wait for what is in use to be given back."""
        self._is_closed = True
        self._line.dismiss(PoolBusy("Kyros is stopping.", retry_after_seconds=RETRY_SECONDS))
        await self._stop_filling()
        while True:  # what is in use is ended by whoever uses it
            for live in list(self._live.values()):
                if not live.is_taken:
                    self._retire(live, "the worker stopped")
            if not await self._settle():
                break
        await self._leases.release(self._worker, [f"{POOL_LEASE}{self._worker}"])

    # taking and giving back

    async def _take(self, wish: Wish, wait_seconds: float | None) -> Live:
        profile = self._profiles.get(wish.agent)
        if self._is_closed:
            raise PoolBusy("Kyros is stopping.", retry_after_seconds=RETRY_SECONDS)
        granted = await self._line.enter(wish, wait_seconds)
        if isinstance(granted, Live):
            try:
                is_good = await self._is_good(granted, wish)
            except BaseException:  # whoever wanted it is gone, or the database is: it goes back
                await asyncio.wait({self._spawn(self._release(granted))})
                raise
            if is_good:
                self._note_use(profile, wish)
                return granted
            self._rooms += 1  # it leaves, we stay
        try:
            live = await self._start_for(profile, wish)
        finally:
            self._rooms -= 1
            self._line.serve()
        self._note_use(profile, wish)
        return live

    def _grant(self, wish: Wish) -> _Granted | None:
        live = self._match(wish)
        if live is not None:
            live.take(wish.task_id)
            return live
        if self._count() >= self._limits.most and not self._make_room():
            return None
        self._rooms += 1
        return _Room()

    def _take_back(self, granted: _Granted) -> None:
        if isinstance(granted, Live):
            granted.give_back()
        else:
            self._rooms -= 1

    def _match(self, wish: Wish) -> Live | None:
        """One started ahead where the work is; of several one that is ready."""
        profile = self._profiles.get(wish.agent)
        folder = None if wish.folder is None else str(wish.folder)
        found = [
            live
            for live in self._live.values()
            if live.is_waiting
            and live.profile == profile
            and (live.row.folder == folder if folder is not None else live.place == "")
        ]
        return min(found, key=lambda live: (live.row.ready_at is None, live.row.started_at), default=None)

    def _count(self) -> int:
        return self._rooms + sum(not live.is_leaving for live in self._live.values())

    def _make_room(self) -> bool:
        """End one that waits, the one that has waited longest, for somebody it cannot serve."""
        waiting = [live for live in self._live.values() if live.is_waiting]
        longest = min(waiting, key=lambda live: live.row.used_at, default=None)
        if longest is not None:
            self._retire(longest, "made room for another")
        return longest is not None

    async def _is_good(self, live: Live, wish: Wish) -> bool:
        """Whether it is still there and ours, alone in its folder. What it serves is on its row before it is
        asked anything."""
        try:
            await self._leases.heartbeat(self._worker, [f"session:{live.id}"])
            await self._write(live)
            if wish.folder is not None:
                await self._clear(wish.folder)
        except LeaseLost:
            live.is_gone = True
        if live.is_gone:
            self._retire(live, "was gone when it was wanted", crashed=True)
        return not live.is_gone

    async def _release(self, live: Live) -> None:
        if not live.was_used and not live.is_gone and live.place is not None and not self._is_closed:
            live.give_back()
            self._line.serve()
            await self._write(live)
        else:
            if live.outcome is not None and live.outcome.result not in _UNPROVEN:
                self._breaker(live.profile).worked()
            await self._end(live, *_verdict(live))
        self._fill_soon()

    def _note_use(self, profile: Profile, wish: Wish) -> None:
        if self._limits.size and (wish.folder is None or wish.project_id is not None):
            self._seats.use(profile, wish.project_id or "", self._clock())

    # starting

    def _fill_soon(self) -> None:
        """Beside all else: a worktree may take minutes, and neither a heartbeat nor a turn's end waits."""
        if not self._is_closed and (self._filling is None or self._filling.done()):
            self._filling = asyncio.create_task(self._fill())
            self._filling.add_done_callback(self._settled)

    async def _fill(self) -> None:
        """Start ahead what is missing, the seats used last first."""
        for seat in self._seats.kept(self._clock()):
            while self._seats.has(seat) and self._lacks(seat):
                if not await self._start_ahead(seat):
                    break

    async def _stop_filling(self) -> None:
        if self._filling is not None:
            self._filling.cancel()
            await asyncio.wait({self._filling})

    async def _start_for(self, profile: Profile, wish: Wish) -> Live:
        """For somebody who waits: no backoff, but the breaker."""
        breaker = self._breaker(profile)
        if (seconds := breaker.wait_seconds(self._clock())) > 0:
            raise AgentKeepsFailing(
                f"{profile.title} failed to start {breaker.failures} times in a row; it is tried again in "
                f"{seconds:.0f} s. The last time it said: {breaker.said}",
                profile=profile.name,
                retry_after_seconds=max(1, round(seconds)),
            )
        if wish.folder is not None:
            await self._clear(wish.folder)
        return await self._start(profile, None, wish)

    async def _clear(self, folder: Path) -> None:
        """Nobody else may stand where a run works."""
        for live in list(self._live.values()):
            if live.folder == folder and not live.is_taken:
                self._retire(live, "its folder was given to another")
        if any(live.folder == folder and live.is_leaving for live in self._live.values()):
            await self._settle()

    async def _start_ahead(self, seat: Seat) -> bool:
        """False: it could not be started, or is not to be yet."""
        if not self._breaker(seat.profile).may_start_ahead(self._clock()):
            return False
        self._rooms += 1
        try:
            await self._start(seat.profile, seat, None)
        except Exception as error:
            self._report(f"{seat.profile.name} could not be started ahead", error)
            self._seats.drop(seat)
            return False
        finally:
            self._rooms -= 1
            self._line.serve()
        return True

    async def _start(self, profile: Profile, seat: Seat | None, wish: Wish | None) -> Live:
        """Lease, folder and row first, then the program; it comes to its prompt by itself."""
        session_id, now = self._new_id("session"), to_text(self._clock())
        await self._leases.acquire([f"session:{session_id}"], self._worker, self._limits.lease_ttl_seconds)
        try:
            folder = await self._folder(session_id, profile, seat, wish)
            row = SessionRow(
                id=session_id,
                profile=profile.name,
                tier=profile.tiers[0],
                project_id=(wish.project_id if wish else seat.place if seat else None) or None,
                worker=self._worker,
                host=self._host,
                standing=Standing.BUSY if wish else Standing.STARTING,
                folder=str(folder),
                current_task=wish.task_id if wish else None,
                started_at=now,
                used_at=now,
                restarts=seat.restarts if seat else 0,
            )
            await self._sessions.add(row)
        except BaseException:
            await asyncio.shield(self._leases.release(self._worker, [f"session:{session_id}"]))
            raise
        live = Live(row, profile, seat.place if seat else None, self._clock)
        self._live[session_id] = live
        self._breaker(profile).started()
        try:
            await self._open(live)
        except BaseException as error:
            await asyncio.shield(self._spawn(self._fail_to_open(live, error)))
            raise
        return live

    async def _open(self, live: Live) -> None:
        profile = live.profile
        env = self._machine.agent_env(live.id, profile.env, profile.environment, profile.home)
        command = self._profiles.find_command(profile)
        prefix = await self._machine.confine(live.id, live.folder, command, env)
        launch = Launch(cwd=live.folder, env=env, columns=COLUMNS, rows=ROWS, prefix=prefix)
        live.env = env
        live.session = await self._driver.open(profile, launch, live.switch.listener())
        live.row = replace(live.row, tier=live.session.tier)
        live.readying = self._spawn(self._come_up(live))

    async def _fail_to_open(self, live: Live, error: BaseException) -> None:
        if isinstance(error, AgentNotInstalled | asyncio.CancelledError):
            self._breaker(live.profile).let_go()
        else:
            self._breaker(live.profile).failed(self._clock(), str(error)[:_SAID_SIGNS])
        await self._end(live, f"did not start: {error}"[:_SAID_SIGNS], is_doubtful=False)

    async def _folder(self, session_id: str, profile: Profile, seat: Seat | None, wish: Wish | None) -> Path:
        if wish is not None and wish.folder is not None:
            return wish.folder
        if seat is not None and seat.place:
            bare, sha = await self._base(seat.place)
            return await self._worktrees.reserve(session_id, seat.place, bare, sha, profile.name)
        return await self._folders.make(session_id)

    async def _come_up(self, live: Live) -> Outcome | None:
        """Wait for its prompt. None: it is there."""
        assert live.session is not None
        try:
            problem = await live.session.ready(self._limits.start_seconds)
        except asyncio.CancelledError:
            self._breaker(live.profile).let_go()
            raise
        except Exception as error:
            problem = Outcome(ResultKind.FAILED, "error", str(error) or type(error).__name__)
        if problem is None:
            live.came_up()
            self._spawn(self._write(live))  # nobody waits for the disk before the prompt is given
            self._breaker(live.profile).came_up()
        elif live.is_leaving:
            self._breaker(live.profile).let_go()
        else:
            said = problem.note or live.switch.said()
            self._breaker(live.profile).failed(self._clock(), said[-_SAID_SIGNS:])
            if not live.is_taken:
                self._retire(live, f"did not come to its prompt: {said}"[:_SAID_SIGNS], crashed=True)
        return problem

    # keeping and ending

    def _lacks(self, seat: Seat) -> bool:
        ahead = sum(
            live.is_waiting and live.place == seat.place and live.profile == seat.profile
            for live in self._live.values()
        )
        return (
            ahead < self._limits.size
            and self._count() < self._limits.most
            and not len(self._line)
            and not self._is_closed
        )

    async def _astray(self) -> Sequence[Live]:
        """Those whose worktree was lent to a run that is done with it: it is not theirs any more."""
        waiting = [live for live in self._live.values() if live.is_waiting and live.place]
        reserved = await self._worktrees.reserved() if waiting else ()
        if all(live.id in reserved for live in waiting):
            return ()
        lent = {await self._worktrees.path_of(run_id) for run_id in await self._worktrees.lent()}
        return [live for live in waiting if live.id not in reserved and live.folder not in lent]

    def _why_not_keep(self, live: Live, asked: set[str]) -> str | None:
        if live.is_gone:
            return "its program ended while it waited"
        if live.id in asked:
            return "stopped by a person"
        now = self._clock()
        if not self._seats.is_kept(live.profile, live.place or "", now):
            return "nobody needed it for long"
        if live.row.ready_at is not None and to_text(now - _PROVEN) > live.row.ready_at:
            self._breaker(live.profile).worked()
        return None

    def _retire(self, live: Live, why: str, *, crashed: bool = False) -> None:
        if live.is_leaving:
            return
        live.is_leaving = True
        if crashed or live.is_gone:
            self._note_crash(live, why)
        self._spawn(self._end(live, why, is_doubtful=crashed))

    def _note_crash(self, live: Live, why: str) -> None:
        if live.place is not None:
            self._seats.note_crash(live.profile, live.place)
        if live.row.ready_at is not None:
            self._breaker(live.profile).failed(self._clock(), why)

    async def _end(self, live: Live, why: str, is_doubtful: bool) -> None:
        live.is_leaving = True
        await self._leaving.end(live, why, is_doubtful)
        self._live.pop(live.id, None)
        self._line.serve()

    async def _keep_leases(self) -> None:
        names = {f"session:{live.id}": live for live in self._live.values() if not live.is_leaving}
        if not names:
            return
        try:
            await self._leases.heartbeat(self._worker, list(names))
        except LeaseLost:  # then none was kept: each by itself
            for name, live in names.items():
                try:
                    await self._leases.acquire([name], self._worker, self._limits.lease_ttl_seconds)
                except LeaseHeld:  # somebody sweeps it up this very moment
                    live.is_gone = True

    async def _write(self, live: Live) -> None:
        row = live.row
        await self._sessions.put(row)
        live.note_written(row)

    def _breaker(self, profile: Profile) -> Breaker:
        return self._breakers.setdefault(profile.name, Breaker(self._random))

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        """Work that outlives whoever asked for it; `close` waits for it."""
        task = asyncio.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._settled)
        return task

    def _settled(self, task: "asyncio.Task[Any]") -> None:
        self._work.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._report("work of the pool broke", error)

    async def _settle(self) -> bool:
        """Until what is under way has ended, but for programs on their way to their prompt. False: nothing
        was."""
        coming = {live.readying for live in self._live.values()}
        work = [task for task in self._work if task not in coming]
        if work:
            await asyncio.wait(work)
        return bool(work)


def _verdict(live: Live) -> tuple[str, bool]:
    """How the end of its task reads on its row, and whether its folder is in doubt."""
    outcome = live.outcome
    if outcome is None:
        return ("was cut off", False) if live.was_used else ("was not needed", False)
    if outcome.result is ResultKind.TIMED_OUT:
        return "quarantined: its turn ran out of time", True
    return f"served its task: {outcome.result}", False
