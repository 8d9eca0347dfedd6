"""Leases nobody keeps any more: who takes them back, when, and how many one may have."""

from datetime import timedelta

import pytest

from kyros.collab.errors import (
    LeaseHeld,
    LeaseLost,
    LeaseNotFound,
    TooManyLeases,
)
from kyros.collab.fake import FakeCollabStore
from kyros.collab.model import Lease, NewTask, TaskStatus, Writer
from kyros.collab.ports import Board
from kyros.collab.service import holding
from kyros.collab.service.leases import (
    Leases,
    reclaim_expired,
    reclaim_lock,
    reclaim_resource,
)
from kyros.collab.service.tasks import Tasks
from tests.stand_ins import Clock, Outbox

TASK, BRANCH = "task:T-1", "branch:shop/feature"


async def all_of(store: FakeCollabStore) -> list[Lease]:
    return list(await store.read(lambda view: view.all_leases()))


async def work_on(store: FakeCollabStore, leases: Leases, facts: dict[str, str | None]) -> None:
    """T-1 in progress, held by ann, with what its run has proven."""
    tasks = Tasks(store)
    await tasks.create(NewTask("shop", "t", "", "", ()), "ada")
    await leases.acquire([TASK], "ann", 15)
    for status in (TaskStatus.CLAIMED, TaskStatus.IN_PROGRESS):
        await tasks.move("T-1", status, Writer("ann"), "")
    await store.write(lambda board: tasks.note_facts_in(board.transaction, "T-1", facts))


async def test_a_beat_takes_back_what_ran_out_and_queues_its_task(
    store: FakeCollabStore, leases: Leases, clock: Clock, outbox: Outbox
) -> None:
    await work_on(store, leases, {})
    await leases.beat()
    clock.advance(15)
    await leases.beat()
    assert await all_of(store) == []
    assert (await Tasks(store).get("T-1")).status is TaskStatus.QUEUED
    assert outbox.names()[-2:] == ["lease_reclaimed", "task_moved"]
    moved = outbox.events[-1]
    assert (moved.actor, moved.details["note"]) == ("kyros", "ann lost it (expired)")


@pytest.mark.parametrize("status", ["queued", "running", "blocked"])
async def test_a_task_that_a_run_works_on_stays_the_runs(
    store: FakeCollabStore, leases: Leases, clock: Clock, status: str
) -> None:
    await work_on(store, leases, {"run_status": status})
    await leases.beat()
    clock.advance(15)
    await leases.beat()
    assert await all_of(store) == []
    assert (await Tasks(store).get("T-1")).status is TaskStatus.IN_PROGRESS


async def test_a_task_whose_run_has_ended_goes_back(
    store: FakeCollabStore, leases: Leases, clock: Clock
) -> None:
    await work_on(store, leases, {"run_status": "failed"})
    clock.advance(15)
    await store.write(lambda board: reclaim_expired(board, "op"))
    assert (await Tasks(store).get("T-1")).status is TaskStatus.QUEUED


async def test_whoever_takes_over_an_expired_task_finds_it_queued(
    store: FakeCollabStore, leases: Leases, clock: Clock
) -> None:
    await work_on(store, leases, {})
    clock.advance(15)
    await leases.acquire([TASK], "bob", 15)
    assert (await Tasks(store).get("T-1")).status is TaskStatus.QUEUED


async def test_a_beat_takes_back_a_bounded_number_and_the_next_goes_on(
    store: FakeCollabStore, leases: Leases, clock: Clock
) -> None:
    for number in range(130):
        await leases.acquire([f"n{number}"], "ann", 15)
    await leases.beat()
    clock.advance(15)
    await leases.beat()
    assert 0 < len(await all_of(store)) < 130
    await leases.beat()
    assert await all_of(store) == []


async def test_void_takes_back_what_dead_processes_held(
    store: FakeCollabStore, leases: Leases, outbox: Outbox
) -> None:
    await leases.acquire(["a", "b"], "worker/boot_1", 15)
    await leases.acquire(["c"], "worker/boot_2", 15)
    await leases.acquire(["d"], "Worker/boot_1", 15)
    assert await leases.void("worker/", "worker/boot_2") == 2
    assert await leases.void("worker/", "worker/boot_2") == 0
    assert {event.details["reason"] for event in outbox.events[-2:]} == {"holder_gone"}
    assert sorted(lease.resource for lease in await all_of(store)) == ["c", "d"]


async def test_an_operator_takes_back_all_that_ran_out_and_no_more(
    store: FakeCollabStore, leases: Leases, clock: Clock, outbox: Outbox
) -> None:
    await leases.acquire(["old"], "ann", 5)
    await leases.acquire(["new"], "ann", 60)
    clock.advance(5)
    taken = await store.write(lambda board: reclaim_expired(board, "op"))
    assert [lease.resource for lease in taken] == ["old"]
    assert (outbox.events[-1].actor, outbox.events[-1].details["reason"]) == ("op", "expired")
    assert [lease.resource for lease in await all_of(store)] == ["new"]


async def test_an_operator_takes_back_one_lock_by_force(
    store: FakeCollabStore, leases: Leases, outbox: Outbox
) -> None:
    (lease, _) = await leases.acquire(["a", "b"], "ann", 60)
    await leases.acquire(["c"], "ann", 60)
    await store.write(lambda board: reclaim_resource(board, "b", "op"))
    assert [event.details["reason"] for event in outbox.events[-2:]] == ["by_operator"] * 2
    assert [one.resource for one in await all_of(store)] == ["c"]
    with pytest.raises(LeaseLost):
        await leases.heartbeat("ann", ["a"])
    for gone in (
        lambda board: reclaim_resource(board, "b", "op"),
        lambda board: reclaim_lock(board, lease.lock_id, "op"),
    ):
        with pytest.raises(LeaseNotFound):
            await store.write(gone)


# Clocks and downtime


async def test_a_clock_set_back_gives_no_lease_more_than_one_ttl(
    store: FakeCollabStore, leases: Leases, clock: Clock
) -> None:
    await leases.acquire([TASK], "ann", 15)
    clock.advance(-3_600)
    with pytest.raises(LeaseHeld) as held:
        await leases.acquire([TASK], "bob", 15)
    assert held.value.facts["retry_after_ms"] == 15_000
    await leases.beat()
    clock.advance(15)
    (lease,) = await leases.acquire([TASK], "bob", 15)
    assert lease.fencing_token == 2


async def test_after_downtime_what_was_live_has_one_ttl_more(
    store: FakeCollabStore, leases: Leases, clock: Clock
) -> None:
    await leases.acquire(["dead"], "ann", 5)
    await leases.acquire(["live"], "ann", 15)
    clock.advance(5)
    await leases.store.write(lambda board: board.beat())
    clock.advance(3_600)
    await Leases(store).resume()
    with pytest.raises(LeaseLost):
        await leases.heartbeat("ann", ["dead"])
    clock.advance(14)
    await leases.heartbeat("ann", ["live"])


async def test_grace_is_one_ttl_and_no_more(store: FakeCollabStore, leases: Leases, clock: Clock) -> None:
    await leases.acquire(["live"], "ann", 15)
    await leases.beat()
    clock.advance(3_600)
    await leases.resume()
    clock.advance(15)
    await leases.acquire(["live"], "bob", 15)


async def test_a_long_silence_between_beats_is_downtime(leases: Leases, clock: Clock) -> None:
    """A laptop slept: its processes never knew."""
    await leases.acquire(["live"], "ann", 15)
    await leases.beat()
    clock.advance(3_600)
    await leases.beat()
    await leases.heartbeat("ann", ["live"])


async def test_beats_in_time_give_no_grace(leases: Leases, clock: Clock) -> None:
    await leases.acquire(["live"], "ann", 15)
    for _ in range(8):
        await leases.beat()
        clock.advance(2)
    with pytest.raises(LeaseLost):
        await leases.heartbeat("ann", ["live"])


async def test_without_its_event_no_lease_changes(
    leases: Leases, store: FakeCollabStore, outbox: Outbox
) -> None:
    (lease,) = await leases.acquire([TASK], "ann", 15)
    outbox.broken = True
    for act in (
        leases.release("ann", [TASK]),
        leases.void("ann", "nobody"),
        leases.acquire(["x"], "ann", 15),
    ):
        with pytest.raises(OSError, match="no room"):
            await act
    assert await all_of(store) == [lease]


async def test_one_holder_has_so_many_leases_and_no_more(leases: Leases, store: FakeCollabStore) -> None:
    names = [f"path:shop/{number}.py" for number in range(holding.MOST_HELD)]
    await leases.acquire(names, "eve", 60)
    await leases.acquire(names, "eve", 60)
    with pytest.raises(TooManyLeases):
        await leases.acquire(["x"], "eve", 60)
    assert len(await all_of(store)) == holding.MOST_HELD
    await leases.acquire(["x"], "ann", 60)


async def test_one_holder_stands_in_so_many_places_and_no_more(
    leases: Leases, store: FakeCollabStore, clock: Clock
) -> None:
    until = clock() + timedelta(seconds=30)

    def all_places(board: Board) -> None:
        for _ in range(holding.MOST_PLACES):
            holding.stand_in_line(board, holding.Wish(["x"], "eve", 60), None, until)
        with pytest.raises(TooManyLeases):
            holding.stand_in_line(board, holding.Wish(["x"], "eve", 60), None, until)
        holding.stand_in_line(board, holding.Wish(["x"], "ann", 60), None, until)

    await store.write(all_places)


async def test_the_hardest_globs_are_held_against_each_other(leases: Leases) -> None:
    """With the states of two automata walked pair by pair this would take minutes."""
    hard = "*aaaaaaaa" * 19
    await leases.acquire([f"path:shop/{hard}b{number}" for number in range(32)], "eve", 60)
    await leases.acquire([f"path:shop/{hard}c{number}" for number in range(32)], "ann", 60)
    with pytest.raises(LeaseHeld):
        await leases.acquire([f"path:shop/{hard}*7"], "bob", 60)
