"""What every LeaseStore promises."""

import asyncio
from typing import Any

import pytest

from kyros.collab.errors import LeaseHeld, LeaseLost
from kyros.collab.model import Lease
from kyros.collab.ports import LeaseStore

TASK, BRANCH = "task:T-1", "branch:greeting/feature"


async def test_a_lease_says_who_holds_what_and_for_how_long(leases: LeaseStore, outbox: Any) -> None:
    (lease,) = await leases.acquire([TASK], "worker_1", 15)
    assert lease.lock_id.startswith("lock_")
    assert lease == Lease(
        lock_id=lease.lock_id,
        resource=TASK,
        holder="worker_1",
        fencing_token=1,
        acquired_at="2026-11-20T12:00:00.000000Z",
        heartbeat_at="2026-11-20T12:00:00.000000Z",
        ttl_seconds=15,
    )
    (event,) = outbox.events
    assert (event.event, event.actor, event.target) == ("lease_acquired", "worker_1", TASK)
    assert event.details == {"lock_id": lease.lock_id, "fencing_token": 1, "task_id": "T-1"}


async def test_a_held_resource_is_refused_naming_holder_and_wait(leases: LeaseStore, clock: Any) -> None:
    await leases.acquire([TASK], "worker_1", 15)
    clock.advance(5)
    with pytest.raises(LeaseHeld) as held:
        await leases.acquire([TASK], "worker_2", 15)
    assert held.value.facts == {"resource": TASK, "holder": "worker_1", "retry_after_ms": 10_000}


async def test_several_are_all_or_none(leases: LeaseStore, outbox: Any) -> None:
    await leases.acquire([BRANCH], "worker_1", 15)
    with pytest.raises(LeaseHeld):
        await leases.acquire([TASK, BRANCH], "worker_2", 15)
    (lease,) = await leases.acquire([TASK], "worker_3", 15)
    assert lease.fencing_token == 1
    assert outbox.names() == ["lease_acquired", "lease_acquired"]


async def test_several_come_in_the_order_asked_and_a_name_twice_is_one(leases: LeaseStore) -> None:
    taken = await leases.acquire([TASK, BRANCH, TASK], "worker_1", 15)
    assert [lease.resource for lease in taken] == [TASK, BRANCH]
    assert len({lease.lock_id for lease in taken}) == 2


async def test_acquiring_nothing_is_nothing(leases: LeaseStore, outbox: Any) -> None:
    assert list(await leases.acquire([], "worker_1", 15)) == []
    assert outbox.events == []


async def test_the_holders_own_live_lease_is_returned_with_its_heartbeat_renewed(
    leases: LeaseStore, clock: Any, outbox: Any
) -> None:
    (first,) = await leases.acquire([TASK], "worker_1", 15)
    clock.advance(10)
    again, other = await leases.acquire([TASK, BRANCH], "worker_1", 60)
    assert (again.lock_id, again.fencing_token, again.ttl_seconds) == (first.lock_id, 1, 15)
    assert again.heartbeat_at == "2026-11-20T12:00:10.000000Z"
    assert other.resource == BRANCH
    clock.advance(10)
    await leases.heartbeat("worker_1", [TASK, BRANCH])
    assert outbox.names() == ["lease_acquired", "lease_acquired"]


async def test_it_counts_until_the_very_moment_it_expires(leases: LeaseStore, clock: Any) -> None:
    await leases.acquire([TASK], "worker_1", 15)
    clock.advance(14.999999)
    with pytest.raises(LeaseHeld) as held:
        await leases.acquire([TASK], "worker_2", 15)
    assert held.value.facts["retry_after_ms"] == 1
    clock.advance(0.000001)
    (lease,) = await leases.acquire([TASK], "worker_2", 15)
    assert lease.holder == "worker_2"


async def test_taking_over_an_expired_lease_reports_the_reclaim_and_raises_the_token(
    leases: LeaseStore, clock: Any, outbox: Any
) -> None:
    (old,) = await leases.acquire([TASK], "worker_1", 15)
    clock.advance(15)
    (new,) = await leases.acquire([TASK], "worker_2", 15)
    assert new.fencing_token == old.fencing_token + 1
    assert new.lock_id != old.lock_id
    assert outbox.names() == ["lease_acquired", "lease_reclaimed", "lease_acquired"]
    reclaimed = outbox.events[1]
    assert (reclaimed.actor, reclaimed.target) == ("worker_2", TASK)
    assert reclaimed.details["holder"] == "worker_1"
    assert reclaimed.details["reason"] == "expired"


async def test_a_holder_who_comes_back_too_late_gets_a_new_lease(leases: LeaseStore, clock: Any) -> None:
    (old,) = await leases.acquire([TASK], "worker_1", 15)
    clock.advance(20)
    (new,) = await leases.acquire([TASK], "worker_1", 30)
    assert (new.fencing_token, new.ttl_seconds) == (2, 30)
    assert new.lock_id != old.lock_id


async def test_heartbeats_keep_it_and_report_nothing(leases: LeaseStore, clock: Any, outbox: Any) -> None:
    await leases.acquire([TASK, BRANCH], "worker_1", 15)
    for _ in range(4):
        clock.advance(10)
        await leases.heartbeat("worker_1", [TASK, BRANCH])
    with pytest.raises(LeaseHeld):
        await leases.acquire([BRANCH], "worker_2", 15)
    assert outbox.names() == ["lease_acquired", "lease_acquired"]


async def test_a_heartbeat_after_expiry_never_resurrects(leases: LeaseStore, clock: Any) -> None:
    await leases.acquire([TASK], "worker_1", 15)
    clock.advance(15)
    with pytest.raises(LeaseLost):
        await leases.heartbeat("worker_1", [TASK])
    (lease,) = await leases.acquire([TASK], "worker_2", 15)
    assert lease.fencing_token == 2


async def test_a_heartbeat_that_lost_one_renews_none(leases: LeaseStore, clock: Any) -> None:
    await leases.acquire([TASK], "worker_1", 15)
    clock.advance(10)
    with pytest.raises(LeaseLost) as lost:
        await leases.heartbeat("worker_1", [TASK, BRANCH])
    assert lost.value.facts["resources"] == [BRANCH]
    clock.advance(5)
    await leases.acquire([TASK], "worker_2", 15)


async def test_a_heartbeat_on_somebody_elses_lease_is_lost(leases: LeaseStore) -> None:
    await leases.acquire([TASK], "worker_1", 15)
    with pytest.raises(LeaseLost):
        await leases.heartbeat("worker_2", [TASK])


async def test_release_frees_it_is_idempotent_and_touches_only_ones_own(
    leases: LeaseStore, outbox: Any
) -> None:
    await leases.acquire([TASK], "worker_1", 15)
    await leases.release("worker_2", [TASK])
    with pytest.raises(LeaseHeld):
        await leases.acquire([TASK], "worker_2", 15)
    await leases.release("worker_1", [TASK, BRANCH])
    await leases.release("worker_1", [TASK])
    assert outbox.names() == ["lease_acquired", "lease_released"]
    assert (outbox.events[1].actor, outbox.events[1].target) == ("worker_1", TASK)
    (lease,) = await leases.acquire([TASK], "worker_2", 15)
    assert lease.fencing_token == 2


async def test_void_takes_back_the_leases_of_dead_processes(leases: LeaseStore, outbox: Any) -> None:
    await leases.acquire([TASK, BRANCH], "worker/boot_1", 15)
    await leases.acquire(["session:1"], "worker/boot_2", 15)
    await leases.acquire(["session:2"], "Worker/boot_1", 15)
    await leases.acquire(["session:3"], "agent", 15)
    assert await leases.void("worker/", "worker/boot_2") == 2
    assert await leases.void("worker/", "worker/boot_2") == 0
    assert outbox.names()[-2:] == ["lease_reclaimed", "lease_reclaimed"]
    assert {event.details["reason"] for event in outbox.events[-2:]} == {"holder_gone"}
    for kept in ("session:1", "session:2", "session:3"):
        with pytest.raises(LeaseHeld):
            await leases.acquire([kept], "somebody", 15)
    (lease,) = await leases.acquire([TASK], "worker/boot_2", 15)
    assert lease.fencing_token == 2


async def test_a_prefix_is_read_literally(leases: LeaseStore) -> None:
    await leases.acquire([TASK], "workerX1", 15)
    assert await leases.void("worker_", "nobody") == 0
    assert await leases.void("%", "nobody") == 0


async def test_of_many_who_race_exactly_one_holds(leases: LeaseStore) -> None:
    answers = await asyncio.gather(
        *(leases.acquire([TASK, BRANCH], f"worker_{n}", 15) for n in range(10)), return_exceptions=True
    )
    won = [answer for answer in answers if not isinstance(answer, BaseException)]
    assert len(won) == 1
    assert all(isinstance(answer, LeaseHeld) for answer in answers if answer is not won[0])


async def test_without_its_event_no_lease_changes(leases: LeaseStore, outbox: Any) -> None:
    await leases.acquire([TASK], "worker_1", 15)
    outbox.broken = True
    with pytest.raises(OSError, match="no room"):
        await leases.release("worker_1", [TASK])
    with pytest.raises(OSError, match="no room"):
        await leases.void("worker", "nobody")
    await leases.heartbeat("worker_1", [TASK])
