"""Standing in line for a lease: first come, first served, and nobody waits for those who left."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from kyros.collab.errors import LeaseHeld
from kyros.collab.fake import FakeCollabStore
from kyros.collab.model import Lease, Waiter
from kyros.collab.service.leases import Leases, Wish
from kyros.kernel.clock import to_text, utc_now
from tests.stand_ins import Clock, Outbox

PATIENT = 40.0
"""Seconds no test waits for: somebody is always let in, or leaves, before."""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> FakeCollabStore:
    return FakeCollabStore(Outbox(), clock)


@pytest.fixture
def leases(store: FakeCollabStore) -> Leases:
    return Leases(store, look_seconds=60)


async def line(store: FakeCollabStore) -> Sequence[Waiter]:
    return await store.read(lambda view: view.waiters())


async def waiting(leases: Leases, holder: str, *names: str) -> "asyncio.Task[Sequence[Lease]]":
    """Somebody who stands in line by now."""
    before = len(await line(leases.store))  # type: ignore[arg-type]
    task = asyncio.create_task(leases.acquire(names, holder, 15, wait_seconds=PATIENT))
    async with asyncio.timeout(10):
        while len(await line(leases.store)) == before:  # type: ignore[arg-type]
            await asyncio.sleep(0)
    return task


async def give_back(leases: Leases, holder: str, name: str) -> None:
    await leases.release(holder, [name])
    leases.wake()


async def test_whoever_waits_gets_it_when_it_is_given_back(leases: Leases, store: FakeCollabStore) -> None:
    await leases.acquire(["x"], "ann", 15)
    bob = await waiting(leases, "bob", "x")
    await give_back(leases, "ann", "x")
    (lease,) = await bob
    assert (lease.holder, lease.fencing_token) == ("bob", 2)
    assert list(await line(store)) == []


async def test_what_is_free_is_had_without_waiting(leases: Leases, store: FakeCollabStore) -> None:
    await leases.acquire(["x"], "ann", 15, wait_seconds=PATIENT)
    assert list(await line(store)) == []


async def test_first_come_first_served(leases: Leases) -> None:
    await leases.acquire(["x"], "ann", 15)
    bob = await waiting(leases, "bob", "x")
    eve = await waiting(leases, "eve", "x")
    await give_back(leases, "ann", "x")
    await bob
    assert not eve.done()
    await give_back(leases, "bob", "x")
    assert (await eve)[0].fencing_token == 3


async def test_nobody_overtakes_an_earlier_waiter(leases: Leases) -> None:
    await leases.acquire(["path:shop/src/**", "y"], "ann", 15)
    bob = await waiting(leases, "bob", "path:shop/src/a", "z")
    await leases.release("ann", ["path:shop/src/**"])  # nobody was woken yet: bob has not looked
    with pytest.raises(LeaseHeld) as held:
        await leases.acquire(["path:shop/*/a"], "eve", 15)
    assert (held.value.facts["holder"], held.value.facts["resource"]) == ("bob", "path:shop/*/a")
    with pytest.raises(LeaseHeld):
        await leases.acquire(["z"], "eve", 15)
    await leases.acquire(["path:shop/docs/a"], "eve", 15)
    leases.wake()
    await bob


async def test_a_later_waiter_holds_up_nobody_before_it(leases: Leases) -> None:
    await leases.acquire(["x"], "ann", 15)
    await leases.acquire(["y"], "ann", 15)
    both = await waiting(leases, "bob", "x", "y")
    one = await waiting(leases, "eve", "y")
    await give_back(leases, "ann", "y")
    await give_back(leases, "ann", "x")
    await both
    assert not one.done()
    await give_back(leases, "bob", "y")
    await one


async def test_a_holder_keeps_what_it_has_although_others_wait(leases: Leases) -> None:
    (first,) = await leases.acquire(["x"], "ann", 15)
    bob = await waiting(leases, "bob", "x")
    (again,) = await leases.acquire(["x"], "ann", 15)
    assert again.fencing_token == first.fencing_token
    await give_back(leases, "ann", "x")
    await bob


async def test_who_waits_too_long_is_refused_and_leaves_the_line(
    leases: Leases, store: FakeCollabStore
) -> None:
    await leases.acquire(["x"], "ann", 15)
    with pytest.raises(LeaseHeld) as held:
        await leases.acquire(["x"], "bob", 15, wait_seconds=0.01)
    assert held.value.facts["holder"] == "ann"
    assert list(await line(store)) == []


async def test_who_hangs_up_leaves_the_line_and_those_behind_move_up(
    leases: Leases, store: FakeCollabStore
) -> None:
    await leases.acquire(["x"], "ann", 15)
    bob = await waiting(leases, "bob", "x")
    eve = await waiting(leases, "eve", "x")
    bob.cancel()
    with pytest.raises(asyncio.CancelledError):
        await bob
    assert [one.holder for one in await line(store)] == ["eve"]
    await give_back(leases, "ann", "x")
    await eve


async def test_who_is_not_heard_of_for_five_seconds_is_passed_over_and_dropped(
    leases: Leases, store: FakeCollabStore, clock: Clock
) -> None:
    await store.write(lambda board: board.add_waiter("gone", ["x"], board.now + timedelta(seconds=50)))
    clock.advance(5)
    with pytest.raises(LeaseHeld):
        await leases.acquire(["x"], "eve", 15)
    clock.advance(0.1)
    await leases.acquire(["x"], "eve", 15)
    await leases.beat()
    assert list(await line(store)) == []


async def test_who_wanted_to_wait_no_longer_is_passed_over(
    leases: Leases, store: FakeCollabStore, clock: Clock
) -> None:
    await store.write(lambda board: board.add_waiter("gone", ["x"], board.now + timedelta(seconds=1)))
    clock.advance(1)
    await leases.acquire(["x"], "eve", 15)


async def test_a_line_from_before_the_clock_was_set_back_stops_nobody(
    leases: Leases, store: FakeCollabStore, clock: Clock
) -> None:
    await store.write(lambda board: board.add_waiter("gone", ["x"], board.now + timedelta(seconds=50)))
    clock.advance(-3_600)
    await leases.acquire(["x"], "eve", 15)


async def test_each_look_says_that_the_waiter_is_still_there(
    leases: Leases, store: FakeCollabStore, clock: Clock
) -> None:
    await leases.acquire(["x"], "ann", 60)
    bob = await waiting(leases, "bob", "x")
    (before,) = await line(store)
    clock.advance(3)
    leases.wake()
    async with asyncio.timeout(10):
        while (seen := (await line(store))[0]).seen_at == before.seen_at:
            await asyncio.sleep(0)
    assert (seen.ticket, seen.seen_at) == (before.ticket, to_text(clock()))
    await give_back(leases, "ann", "x")
    await bob


async def test_who_was_taken_for_gone_stands_in_line_again(leases: Leases, store: FakeCollabStore) -> None:
    await leases.acquire(["x"], "ann", 15)
    bob = await waiting(leases, "bob", "x")
    (before,) = await line(store)
    await store.write(lambda board: board.drop_waiter(before.ticket))
    leases.wake()
    async with asyncio.timeout(10):
        while not await line(store):
            await asyncio.sleep(0)
    await give_back(leases, "ann", "x")
    await bob
    assert list(await line(store)) == []


async def test_it_is_had_the_moment_it_runs_out_without_anybody_saying_so() -> None:
    leases = Leases(FakeCollabStore(Outbox(), utc_now), look_seconds=60)
    await leases.acquire(["x"], "ann", 0.05)
    (lease,) = await leases.acquire(["x"], "bob", 15, wait_seconds=PATIENT)
    assert lease.holder == "bob"


async def test_an_answer_known_before_takes_nothing_and_leaves_the_line(
    leases: Leases, store: FakeCollabStore
) -> None:
    """The same request came twice: the other has its answer meanwhile."""
    await leases.acquire(["x"], "ann", 15)
    answers: list[str] = []
    wish = Wish(["x"], "bob", 15)
    taking = asyncio.create_task(
        leases.take(
            wish, PATIENT, lambda board: answers[0] if answers else None, lambda board, taken: "taken"
        )
    )
    async with asyncio.timeout(10):
        while not await line(store):
            await asyncio.sleep(0)
    answers.append("known")
    await give_back(leases, "ann", "x")
    assert await taking == "known"
    assert list(await line(store)) == []
    assert await store.read(lambda view: view.all_leases()) == []
