"""Executions over fakes: who asks is told how it ended, and nothing is begun that may not be."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from kyros.collab.fake import FakeCollabStore
from kyros.collab.service.leases import Leases
from kyros.drivers.fake import FakeDriver, FakeProfiles, Hangs, Says, fake_profile
from kyros.drivers.model import Launch, Profile, ResultKind, Tier
from kyros.drivers.ports import Listener
from kyros.engine.fake import FakeBus, FakeQueue
from kyros.fleet.errors import PoolBusy
from kyros.fleet.fake import FakeExecutions, FakeFolders, FakeSessions, FakeTurns
from kyros.fleet.model import Execution, ExecutionState, Turn, TurnOrder
from kyros.fleet.model.pause import Pause
from kyros.fleet.service import Counter, Executor
from kyros.kernel.clock import to_text, utc_now
from kyros.kernel.errors import Upstream
from kyros.kernel.ids import new_id
from tests.fleets import fleet_of
from tests.stand_ins import Outbox


class Place:
    def __init__(self) -> None:
        outbox, self.bus, self.driver = Outbox(), FakeBus(), FakeDriver([Says("done")])
        self.reports: list[str] = []
        self.profiles = FakeProfiles({"fake": fake_profile()})
        self.executions, self.turns = FakeExecutions(outbox, FakeQueue()), FakeTurns(outbox)
        self.leases = Leases(FakeCollabStore(outbox, utc_now))
        self.fleet = fleet_of(self.driver, self.profiles, outbox, turns=self.turns)
        self.executor = Executor(
            executions=self.executions, pool=self.fleet._pool, fleet=self.fleet, leases=self.leases,
            machine=self.fleet._machine, bus=self.bus, clock=utc_now, new_id=new_id, holder="worker@1",
            lease_ttl_seconds=15, report=lambda what, error: self.reports.append(str(error)),
        )  # fmt: skip
        self.counter = Counter(
            executions=self.executions, sessions=FakeSessions(outbox), folders=FakeFolders(),
            profiles=self.profiles, leases=self.leases, bus=self.bus, clock=utc_now, new_id=new_id,
            agent="fake", queue_ms=60_000, most_queued=5,
        )  # fmt: skip

    async def carried_out(self) -> Execution:
        asked = Execution("exec_1", "fake", "x", None, 60_000, 60_000, "ada", to_text(utc_now()))
        await self.executions.create(asked, 5)
        assert await self.executor.carry_out("exec_1") is None
        return self.executions.rows["exec_1"]


@pytest.fixture
def place() -> Place:
    return Place()


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.001)


async def test_what_it_came_to_is_on_its_row_with_its_turn(place: Place) -> None:
    done = await place.carried_out()
    (turn,) = await place.turns.of_run("exec_1")
    assert (done.state, done.output, done.turn_id) == (ExecutionState.DONE, "done", turn.id)


async def test_for_a_paused_agent_no_program_is_started_and_no_turn_named(place: Place) -> None:
    now = utc_now()
    turn = Turn("turn_0", "run_0", "fake", Tier.TERMINAL, "test", to_text(now))
    await place.fleet._limits._pauses.pause(Pause("fake", now + timedelta(hours=1), "limit", now), turn)
    done = await place.carried_out()
    assert (done.state, done.turn_id) == (ExecutionState.FAILED, None)
    assert "usage limit" in done.note
    assert place.driver.sessions == []


async def test_a_defect_ends_it_with_its_words_and_is_reported(place: Place) -> None:
    async def breaks(profile: Profile, launch: Launch, listener: Listener) -> None:
        raise OSError("no room for a terminal")

    place.driver.open = breaks  # type: ignore[method-assign,assignment]
    done = await place.carried_out()
    assert (done.state, done.note) == (ExecutionState.FAILED, "no room for a terminal")
    assert place.reports == ["no room for a terminal"]


async def test_a_look_that_fails_once_ends_nothing(place: Place) -> None:
    get, calls = place.executions.get, 0

    async def moody(execution_id: str) -> Execution:
        nonlocal calls
        calls += 1
        if calls == 2:  # the guard's first
            raise Upstream("The database is away.")
        return await get(execution_id)

    place.executions.get = moody  # type: ignore[method-assign]
    assert (await place.carried_out()).state is ExecutionState.DONE
    assert calls >= 2


async def test_who_hangs_up_while_it_is_written_down_leaves_nothing_to_do(place: Place) -> None:
    create, door, begun = place.executions.create, asyncio.Event(), asyncio.Event()

    async def slow(execution: Execution, most_queued: int) -> None:
        begun.set()
        await door.wait()
        await create(execution, most_queued)

    place.executions.create = slow  # type: ignore[method-assign]
    asking = asyncio.create_task(place.counter.execute("x", 60_000, "ada"))
    await begun.wait()
    asking.cancel()
    await asyncio.sleep(0)
    door.set()
    await asyncio.wait({asking})
    assert asking.cancelled()
    assert [one.state for one in place.executions.rows.values()] == [ExecutionState.CANCELLED]


@pytest.mark.parametrize("is_at_work", [True, False])
async def test_one_that_takes_longer_is_given_up_only_when_its_worker_is_gone(
    place: Place, is_at_work: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kyros.fleet.service.executions._GRACE_SECONDS", 0.01)
    asking = asyncio.create_task(place.counter.execute("x", 1, "ada", queue_ms=1_000))
    await until(lambda: place.executions.rows)
    (execution_id,) = place.executions.rows
    looked = place.leases.acquire
    times: list[str] = []

    async def acquire(*given: object) -> object:
        times.append("look")
        return await looked(*given)  # type: ignore[arg-type]

    if is_at_work:
        await place.leases.acquire([f"run:{execution_id}"], "worker@1/1", 600)
        place.leases.acquire = acquire  # type: ignore[method-assign,assignment]
    await place.executions.begin(execution_id, "turn_1")
    if is_at_work:
        await until(lambda: len(times) > 1)
        await place.executions.end(execution_id, ExecutionState.DONE, "", to_text(utc_now()), "at last")
        place.counter.wake()
    done = await asking
    expected = ExecutionState.DONE if is_at_work else ExecutionState.TIMED_OUT
    assert done.state is expected


async def test_nobody_free_in_time_is_a_refusal(place: Place) -> None:
    with pytest.raises(PoolBusy):
        await place.counter.execute("x", 1_000, "ada", queue_ms=1)


async def test_a_stop_while_the_vendors_notice_is_noted_leaves_no_turn_open(place: Place) -> None:
    noting = asyncio.Event()

    async def note(*_: object) -> None:
        noting.set()
        await asyncio.Event().wait()

    place.fleet._limits.note = note  # type: ignore[method-assign,assignment]
    working = asyncio.create_task(place.fleet.turn(TurnOrder("run_1", "fake", "x", Path("/w"), 60, "test")))
    await noting.wait()
    working.cancel()
    await asyncio.wait({working})
    (turn,) = await place.turns.of_run("run_1")
    assert turn.result_kind is ResultKind.CANCELLED


async def test_a_stop_ends_one_at_work(place: Place) -> None:
    place.driver.script = [Hangs()]
    working = asyncio.create_task(place.carried_out())
    await until(lambda: place.driver.prompts)
    await place.counter.stop("exec_1")
    done = await working
    assert (done.state, done.note) == (ExecutionState.CANCELLED, "It was stopped.")
