"""The pool over a driver that plays scripts: who is served, what is kept ready, what is never used again."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kyros.collab.errors import LeaseHeld
from kyros.collab.fake import FakeCollabStore
from kyros.collab.service.leases import Leases
from kyros.drivers.fake import CRASHED, DONE, Ends, FakeDriver, FakeProfiles, FakeSession, Says, fake_profile
from kyros.drivers.model import Launch, Outcome, Profile, ResultKind, SessionState, State, Tier
from kyros.drivers.ports import Listener
from kyros.fleet.errors import AgentKeepsFailing, PoolBusy
from kyros.fleet.fake import FakeBranches, FakeFolders, FakeMachine, FakeSessions, FakeWorktrees
from kyros.fleet.model import FAILURES, PoolLimits, SessionRow, Standing, Wish
from kyros.fleet.service.live import Live
from kyros.fleet.service.pool import Pool
from kyros.kernel.errors import Upstream
from tests.stand_ins import Clock, Outbox

WORKER = "worker-1@boot_1"


@dataclass
class Programs(FakeDriver):
    """Sessions come to their prompt once `may_come` says so, or never where `broken` has their words."""

    broken: str = ""
    may_come: asyncio.Event = field(default_factory=asyncio.Event)

    async def open(self, profile: Profile, launch: Launch, listener: Listener) -> FakeSession:
        if self.broken == "cannot be started":
            raise OSError(self.broken)
        session = await super().open(profile, launch, listener)
        listener.output(b"banner ")
        come = session.ready

        async def ready(timeout_seconds: float) -> Outcome | None:
            await self.may_come.wait()
            if self.broken:
                return Outcome(ResultKind.LOST, "exit:1", self.broken)
            return await come(timeout_seconds)

        session.ready = ready  # type: ignore[method-assign]
        return session


class Hanging:
    """A write that waits for its door."""

    def __init__(self) -> None:
        self.door = asyncio.Event()

    async def __call__(self, row: SessionRow) -> None:
        await self.door.wait()


@dataclass
class Place:
    pool: Pool
    driver: Programs
    sessions: FakeSessions
    machine: FakeMachine
    worktrees: FakeWorktrees
    folders: FakeFolders
    leases: Leases
    clock: Clock
    outbox: Outbox
    reports: list[str]

    async def rows(self, standing: Standing | None = None) -> list[SessionRow]:
        return [one for one in await self.sessions.live() if standing in (None, one.standing)]

    async def ready(self, count: int = 1) -> list[SessionRow]:
        """So many kept ready, as their rows say after a beat."""
        await settled()
        await self.pool.beat()
        found = await self.rows(Standing.READY)
        assert len(found) == count, await self.rows()
        return found

    async def use(self, **more: Any) -> Live:
        """A session that served its one task."""
        async with self.pool.holding(wish(**more)) as live:
            await live.converse(deaf(), "do it", 5)
        return live


def wish(task_id: str = "exec_1", agent: str = "fake", **more: Any) -> Wish:
    return Wish(agent, task_id, **more)


def deaf(heard: list[bytes] | None = None) -> Listener:
    async def decide(_: Any) -> Any:
        raise AssertionError("nobody asks")

    output: Callable[[bytes], None] = (heard if heard is not None else []).append
    return Listener(output=output, state=lambda state: None, decide=decide)


def hung(place: Place) -> None:
    """No worktree is ever laid out."""

    async def reserve(session_id: str, project_id: str, bare: Path, sha: str, profile: str) -> Path:
        await asyncio.Event().wait()
        raise AssertionError

    place.worktrees.reserve = reserve  # type: ignore[method-assign]


async def settled() -> None:
    """Whatever can go on without time passing has gone on."""
    for _ in range(50):
        await asyncio.sleep(0)


@pytest.fixture
def limits() -> PoolLimits:
    return PoolLimits(1, 3, 2, 600.0, 10.0, 15.0)


@pytest.fixture
async def place(limits: PoolLimits) -> AsyncIterator[Place]:
    clock, outbox, numbers = Clock(), Outbox(), iter(range(10, 10_000))
    branches = FakeBranches()
    start = branches.record({"README.md": b"hi"}, None, "start")
    worktrees, machine, driver = FakeWorktrees(branches), FakeMachine(), Programs([Says("done")])
    leases, sessions, folders = Leases(FakeCollabStore(outbox, clock)), FakeSessions(outbox), FakeFolders()
    reports: list[str] = []

    async def base(project_id: str) -> tuple[Path, str]:
        return Path("/fake/forge"), start

    pool = Pool(
        driver=driver,
        profiles=FakeProfiles({name: fake_profile(name) for name in ("fake", "other")}),
        sessions=sessions,
        machine=machine,
        worktrees=worktrees,
        folders=folders,
        leases=leases,
        base=base,
        clock=clock,
        new_id=lambda prefix: f"{prefix}_{next(numbers)}",
        random=lambda: 1.0,
        worker=WORKER,
        host="here",
        limits=limits,
        report=lambda what, error: reports.append(f"{what}: {error}"),
    )
    driver.may_come.set()
    yield Place(pool, driver, sessions, machine, worktrees, folders, leases, clock, outbox, reports)
    await pool.close()


async def test_a_session_serves_one_task_and_the_next_gets_another(place: Place) -> None:
    first, second = await place.use(task_id="exec_1"), await place.use(task_id="exec_2")
    assert first.id != second.id
    assert first.folder != second.folder
    ended = [place.sessions.rows[one.id] for one in (first, second)]
    assert [row.standing for row in ended] == [Standing.ENDED, Standing.ENDED]
    assert [row.current_task for row in ended] == ["exec_1", "exec_2"]
    assert {first.id, second.id} <= set(place.machine.stopped)
    assert {first.id, second.id} <= set(place.folders.removed)
    assert await place.leases.acquire([f"session:{first.id}"], "anybody", 5)


async def test_after_a_use_one_of_its_kind_is_ready_and_is_taken_next(place: Place) -> None:
    await place.use()
    (ahead,) = await place.ready()
    async with place.pool.holding(wish("exec_2")) as live:
        assert live.id == ahead.id
        assert (await place.rows(Standing.BUSY))[0].current_task == "exec_2"


async def test_what_it_printed_before_belongs_to_the_turn(place: Place) -> None:
    await place.use()
    await place.ready()
    heard: list[bytes] = []
    async with place.pool.holding(wish("exec_2")) as live:
        assert await live.converse(deaf(heard), "go", 5) == DONE
    assert b"".join(heard) == b"banner done"


async def test_one_that_still_starts_is_better_than_none(place: Place) -> None:
    async with place.pool.holding(wish()) as live:
        await live.converse(deaf(), "do it", 5)
        place.driver.may_come.clear()
    await settled()
    (ahead,) = await place.rows(Standing.STARTING)
    async with place.pool.holding(wish("exec_2")) as live:
        assert live.id == ahead.id
        working = asyncio.create_task(live.converse(deaf(), "go", 5))
        await settled()
        assert place.driver.prompts == ["do it"]
        place.driver.may_come.set()
        assert await working == DONE


async def test_a_project_gets_a_warm_worktree_and_the_run_takes_both(place: Place) -> None:
    start = place.worktrees._branches.record({"README.md": b"hi"}, None, "start")  # type: ignore[attr-defined]
    folder = await place.worktrees.lend("run_1", "p", Path("/fake"), "b", start, "fake")
    await place.use(task_id="run_1", folder=folder, project_id="p")
    (ahead,) = await place.ready()
    assert list(await place.worktrees.reserved()) == [ahead.id]
    theirs = await place.worktrees.lend("run_2", "p", Path("/fake"), "b", start, "fake")
    assert str(theirs) == ahead.folder
    async with place.pool.holding(wish("run_2", folder=theirs, project_id="p")) as live:
        assert live.id == ahead.id
    other = await place.worktrees.lend("run_3", "p", Path("/fake"), "b", start, "other")
    assert str(other) not in {row.folder for row in await place.rows()}


async def test_who_comes_first_is_served_first_and_no_more_than_allowed_live(place: Place) -> None:
    served: list[str] = []
    doors = {name: asyncio.Event() for name in ("a", "b", "c", "d", "e")}

    async def work(name: str) -> None:
        async with place.pool.holding(wish(name)):
            served.append(name)
            await doors[name].wait()

    tasks = [asyncio.create_task(work(name)) for name in doors]
    await settled()
    assert served == ["a", "b", "c"]
    with pytest.raises(PoolBusy, match="2 wait"):
        await place.use(task_id="f")
    doors["b"].set()
    await settled()
    assert served == ["a", "b", "c", "d"]
    for door in doors.values():
        door.set()
    await asyncio.gather(*tasks)
    assert served[-1] == "e"


async def test_who_waits_too_long_is_refused_and_nobody_starts_for_them(place: Place) -> None:
    async with (
        place.pool.holding(wish("a")),
        place.pool.holding(wish("b")),
        place.pool.holding(wish("c")),
    ):
        with pytest.raises(PoolBusy) as refused:
            async with place.pool.holding(wish("late"), 0.01):
                raise AssertionError
        assert refused.value.facts["retry_after_seconds"]
    assert "late" not in {row.current_task for row in place.sessions.rows.values()}


async def test_a_ready_one_makes_room_for_another_kind(place: Place) -> None:
    await place.use()
    (ahead,) = await place.ready()
    async with (
        place.pool.holding(wish("a", "other")),
        place.pool.holding(wish("b", "other")),
        place.pool.holding(wish("c", "other")),
    ):
        await settled()
        assert ahead.id not in {row.id for row in await place.rows()}
        assert len(await place.rows(Standing.BUSY)) == 3


async def test_one_that_was_not_needed_after_all_stays_ready(place: Place) -> None:
    await place.use()
    (ahead,) = await place.ready()
    async with place.pool.holding(wish("exec_2")) as live:
        assert live.id == ahead.id
    assert ahead.id in {row.id for row in await place.rows(Standing.READY)}


async def test_nobody_is_kept_for_who_does_not_come_back(place: Place) -> None:
    await place.use()
    await place.ready()
    place.clock.advance(601)
    await place.pool.beat()
    await settled()
    assert await place.rows() == []
    assert "nobody needed it for long" in {row.why for row in place.sessions.rows.values()}


async def test_one_that_dies_while_it_waits_is_replaced_after_a_pause(place: Place) -> None:
    await place.use()
    (ahead,) = await place.ready()
    place.driver.sessions[-1]._listener.state(State(SessionState.LOST, "signal:SIGKILL"))
    await place.pool.beat()
    await settled()
    assert place.sessions.rows[ahead.id].why == "its program ended while it waited"
    await place.pool.beat()
    assert await place.rows() == []
    place.clock.advance(61)
    await place.pool.beat()
    (anew,) = await place.ready()
    assert anew.restarts == 1


async def test_a_program_that_keeps_failing_is_left_alone_then_tried_once(place: Place) -> None:
    place.driver.broken = "no licence found"
    for _ in range(FAILURES):
        await place.use()
    opened = len(place.driver.sessions)
    with pytest.raises(AgentKeepsFailing, match=r"5 times in a row.*no licence found") as refused:
        await place.use()
    assert refused.value.facts["retry_after_seconds"] == 30
    assert len(place.driver.sessions) == opened
    place.clock.advance(31)
    await place.use()
    with pytest.raises(AgentKeepsFailing):
        await place.use()
    place.driver.broken = ""
    place.clock.advance(31)
    assert (await place.use()).outcome == DONE
    assert (await place.use()).outcome == DONE


async def test_what_cannot_even_be_started_leaves_no_session(place: Place) -> None:
    place.driver.broken = "cannot be started"
    with pytest.raises(OSError, match="cannot be started"):
        await place.use()
    assert await place.rows() == []
    (row,) = place.sessions.rows.values()
    assert row.why == "did not start: cannot be started"


async def test_the_folder_of_a_turn_that_ran_out_of_time_is_never_used_again(place: Place) -> None:
    place.driver.may_come.clear()
    async with place.pool.holding(wish("run_1", folder=Path("/fake/w"), project_id=None)) as live:
        outcome = await live.converse(deaf(), "go", 0.01)
    assert outcome.result is ResultKind.TIMED_OUT
    assert place.worktrees.doubted == [Path("/fake/w")]
    assert place.sessions.rows[live.id].why.startswith("quarantined")


async def test_one_that_would_not_stop_says_so_and_its_lease_is_free_for_the_sweep(place: Place) -> None:
    async def survives(owner: str) -> int:
        raise TimeoutError("processes survive SIGKILL: [7]")

    place.machine.stop_all_of = survives  # type: ignore[method-assign]
    live = await place.use(folder=Path("/fake/w"))
    assert "would not stop (processes survive SIGKILL: [7])" in place.sessions.rows[live.id].why
    assert place.worktrees.doubted == [Path("/fake/w")]
    assert await place.leases.acquire([f"session:{live.id}"], "sweeper", 5)


async def test_one_whose_lease_was_lost_is_not_given_to_anybody(place: Place) -> None:
    await place.use()
    (ahead,) = await place.ready()
    await place.leases.release(WORKER, [f"session:{ahead.id}"])
    await place.leases.acquire([f"session:{ahead.id}"], "sweeper", 15)
    async with place.pool.holding(wish("exec_2")) as live:
        assert live.id != ahead.id


async def test_all_that_waits_is_ended_when_a_person_says_so_and_not_started_again(place: Place) -> None:
    await place.use()
    await place.ready()
    await place.sessions.ask_stop_all()
    await place.pool.beat()
    await settled()
    await place.pool.beat()
    assert await place.rows() == []
    await place.use()
    await place.ready()


async def test_at_the_end_nothing_is_left_and_nobody_is_let_in(place: Place) -> None:
    await place.use()
    await place.ready()
    await place.pool.close()
    assert await place.rows() == []
    assert not any(session.is_alive for session in place.driver.sessions)
    with pytest.raises(PoolBusy, match="stopping"):
        await place.use()


async def test_who_is_cut_off_leaves_nothing(place: Place) -> None:
    place.driver.may_come.clear()
    working = asyncio.create_task(place.use())
    await settled()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    await settled()
    assert [row for row in await place.rows() if row.current_task] == []


async def test_a_crash_in_the_turn_is_its_outcome(place: Place) -> None:
    place.driver.script = [Ends(CRASHED)]
    assert (await place.use()).outcome == CRASHED


async def test_a_worktree_that_takes_long_lets_no_lease_run_out(place: Place) -> None:
    hung(place)
    await place.use(task_id="run_1", folder=Path("/fake/w"), project_id="p")
    async with place.pool.holding(wish("exec_2")) as live:
        for _ in range(3):
            async with asyncio.timeout(5):
                await place.pool.beat()
            place.clock.advance(10)
        with pytest.raises(LeaseHeld):
            await place.leases.acquire([f"session:{live.id}"], "sweeper", 5)


async def test_who_is_cut_off_while_they_get_a_ready_one_give_it_back(place: Place) -> None:
    await place.use()
    (ahead,) = await place.ready()
    put = place.sessions.put
    place.sessions.put = hanging = Hanging()  # type: ignore[method-assign]
    working = asyncio.create_task(place.use(task_id="exec_2"))
    await settled()
    working.cancel()
    place.sessions.put = put  # type: ignore[method-assign]
    hanging.door.set()
    await asyncio.gather(working, return_exceptions=True)
    assert working.cancelled()
    assert (await place.use(task_id="exec_3")).id == ahead.id


async def test_a_ready_one_is_given_back_when_its_row_cannot_be_written(place: Place) -> None:
    await place.use()
    (ahead,) = await place.ready()
    put = place.sessions.put

    async def away(row: SessionRow) -> None:
        raise Upstream("The database is away.")

    place.sessions.put = away  # type: ignore[method-assign]
    with pytest.raises(Upstream):
        await place.use(task_id="exec_2")
    place.sessions.put = put  # type: ignore[method-assign]
    assert (await place.use(task_id="exec_3")).id == ahead.id


async def test_one_whose_worktree_a_run_had_and_never_used_is_ended(place: Place) -> None:
    start = place.worktrees._branches.record({"README.md": b"hi"}, None, "start")  # type: ignore[attr-defined]
    folder = await place.worktrees.lend("run_1", "p", Path("/fake"), "b", start, "fake")
    await place.use(task_id="run_1", folder=folder, project_id="p")
    (ahead,) = await place.ready()
    assert str(await place.worktrees.lend("run_2", "p", Path("/fake"), "b", start, "fake")) == ahead.folder
    await place.pool.beat()
    assert place.sessions.rows[ahead.id].ended_at is None
    await place.worktrees.give_back("run_2")
    await place.pool.beat()
    await settled()
    assert place.sessions.rows[ahead.id].why == "its folder was given to another"
    (anew,) = await place.ready()
    assert list(await place.worktrees.reserved()) == [anew.id]


async def test_what_is_stopped_for_good_is_not_started_by_a_filling_under_way(place: Place) -> None:
    place.driver.may_come.clear()
    hung(place)
    async with place.pool.holding(wish("run_1", folder=Path("/fake/w"), project_id="p")):
        pass
    async with place.pool.holding(wish("exec_1")):
        pass
    await settled()
    await place.pool.stop_ahead()
    await settled()
    assert await place.rows() == []


async def test_a_probe_that_is_cut_off_lets_the_next_one_try(place: Place) -> None:
    place.driver.broken = "no licence found"
    for _ in range(FAILURES):
        await place.use()
    place.clock.advance(31)
    place.driver.broken = ""
    place.driver.may_come.clear()
    async with place.pool.holding(wish()):
        pass
    place.driver.may_come.set()
    assert (await place.use()).outcome == DONE


async def test_the_row_says_how_a_program_is_really_driven(place: Place) -> None:
    opened = place.driver.open

    async def another_way(profile: Profile, launch: Launch, listener: Listener) -> FakeSession:
        session = await opened(profile, launch, listener)
        session.tier = Tier.ACP
        return session

    place.driver.open = another_way  # type: ignore[method-assign]
    assert place.driver.sessions == []
    live = await place.use()
    assert place.sessions.rows[live.id].tier is Tier.ACP
