"""The rules of leases over a board in memory: who gets what, for how long."""

from datetime import timedelta

import pytest

from kyros.collab.errors import (
    FenceStale,
    LeaseHeld,
    LeaseLost,
    NotTheHolder,
    ResourceInvalid,
)
from kyros.collab.fake import FakeCollabStore
from kyros.collab.model import Fence, Lease, NewTask, Writer
from kyros.collab.service import holding
from kyros.collab.service.leases import (
    Leases,
    check_writer,
)
from kyros.collab.service.tasks import Tasks
from kyros.kernel.clock import to_text
from tests.stand_ins import Clock, Outbox

TASK, BRANCH = "task:T-1", "branch:shop/feature"


async def all_of(store: FakeCollabStore) -> list[Lease]:
    return list(await store.read(lambda view: view.all_leases()))


async def test_a_lease_says_who_holds_what_and_for_how_long(leases: Leases, outbox: Outbox) -> None:
    (lease,) = await leases.acquire([BRANCH], "ann", 15)
    assert lease.lock_id.startswith("lock_")
    noon = "2026-11-20T12:00:00.000000Z"
    assert lease == Lease(lease.lock_id, BRANCH, "ann", 1, noon, noon, "2026-11-20T12:00:15.000000Z", 15)
    (event,) = outbox.events
    assert (event.event, event.actor, event.target) == ("lease_acquired", "ann", BRANCH)
    assert event.details == {"lock_id": lease.lock_id, "fencing_token": 1, "project_id": "shop"}


async def test_the_event_of_a_lease_on_a_task_names_task_and_project(
    leases: Leases, store: FakeCollabStore, outbox: Outbox
) -> None:
    await Tasks(store).create(NewTask("shop", "t", "", "", ()), "ada")
    (lease,) = await leases.acquire([TASK], "ann", 15)
    assert outbox.events[-1].details == {
        "lock_id": lease.lock_id, "fencing_token": 1, "project_id": "shop", "task_id": "T-1",
    }  # fmt: skip


async def test_a_held_resource_is_refused_naming_holder_and_wait(leases: Leases, clock: Clock) -> None:
    await leases.acquire([TASK], "ann", 15)
    clock.advance(5)
    with pytest.raises(LeaseHeld) as held:
        await leases.acquire([TASK], "bob", 15)
    assert held.value.facts == {"resource": TASK, "holder": "ann", "retry_after_ms": 10_000}


async def test_several_are_all_or_none_under_one_lock(leases: Leases, store: FakeCollabStore) -> None:
    await leases.acquire([BRANCH], "ann", 15)
    with pytest.raises(LeaseHeld):
        await leases.acquire([TASK, BRANCH], "bob", 15)
    assert [lease.holder for lease in await all_of(store)] == ["ann"]
    taken = await leases.acquire(["b", "a", "b"], "bob", 15)
    assert [lease.resource for lease in taken] == ["b", "a"]
    assert len({lease.lock_id for lease in taken}) == 1


async def test_one_name_that_cannot_be_leased_refuses_them_all(
    leases: Leases, store: FakeCollabStore
) -> None:
    with pytest.raises(ResourceInvalid):
        await leases.acquire([TASK, "path:shop/../x"], "ann", 15)
    assert await all_of(store) == []


async def test_acquiring_nothing_is_nothing(leases: Leases, outbox: Outbox) -> None:
    assert list(await leases.acquire([], "ann", 15)) == []
    assert outbox.events == []


async def test_what_one_holds_is_taken_again_as_a_heartbeat(
    leases: Leases, clock: Clock, outbox: Outbox
) -> None:
    (first,) = await leases.acquire([TASK], "ann", 15)
    clock.advance(10)
    (again,) = await leases.acquire([TASK], "ann", 15)
    assert (again.lock_id, again.fencing_token, again.acquired_at) == (first.lock_id, 1, first.acquired_at)
    assert again.expires_at == to_text(clock() + timedelta(seconds=15))
    assert outbox.names() == ["lease_acquired"]


async def test_a_longer_time_asked_for_is_given_a_shorter_one_takes_nothing_away(leases: Leases) -> None:
    await leases.acquire([TASK], "ann", 15)
    (longer,) = await leases.acquire([TASK], "ann", 60)
    (still,) = await leases.acquire([TASK], "ann", 5)
    assert (longer.ttl_seconds, still.ttl_seconds) == (60, 60)
    assert still.expires_at == longer.expires_at


async def test_more_taken_together_with_what_one_holds_joins_its_lock(
    leases: Leases, store: FakeCollabStore, clock: Clock
) -> None:
    (a,) = await leases.acquire(["a"], "ann", 15)
    (b,) = await leases.acquire(["b"], "ann", 15)
    clock.advance(5)
    joined = await leases.acquire(["b", "c", "a"], "ann", 15)
    assert {lease.lock_id for lease in joined} == {b.lock_id}
    assert [lease.fencing_token for lease in joined] == [1, 1, 1]
    assert len({lease.expires_at for lease in joined}) == 1
    assert await store.read(lambda view: view.leases_of(a.lock_id)) == []


async def test_a_heartbeat_keeps_the_whole_lock(leases: Leases, store: FakeCollabStore, clock: Clock) -> None:
    await leases.acquire(["a", "b"], "ann", 15)
    clock.advance(10)
    await leases.heartbeat("ann", ["a"])
    assert {lease.expires_at for lease in await all_of(store)} == {to_text(clock() + timedelta(seconds=15))}


async def test_it_counts_until_the_very_moment_it_expires(leases: Leases, clock: Clock) -> None:
    await leases.acquire([TASK], "ann", 15)
    clock.advance(14.999999)
    with pytest.raises(LeaseHeld) as held:
        await leases.acquire([TASK], "bob", 15)
    assert held.value.facts["retry_after_ms"] == 1
    clock.advance(0.000001)
    (lease,) = await leases.acquire([TASK], "bob", 15)
    assert (lease.holder, lease.fencing_token) == ("bob", 2)


async def test_taking_over_what_ran_out_reports_the_whole_lock_as_reclaimed(
    leases: Leases, clock: Clock, outbox: Outbox, store: FakeCollabStore
) -> None:
    await leases.acquire([BRANCH, "zoo"], "ann", 15)
    clock.advance(15)
    await leases.acquire([BRANCH], "bob", 15)
    assert outbox.names()[2:] == ["lease_reclaimed", "lease_reclaimed", "lease_acquired"]
    reclaimed = outbox.events[2]
    assert (reclaimed.actor, reclaimed.target) == ("bob", BRANCH)
    assert (reclaimed.details["holder"], reclaimed.details["reason"]) == ("ann", "expired")
    assert [(one.resource, one.holder) for one in await all_of(store)] == [(BRANCH, "bob")]


async def test_a_heartbeat_after_expiry_never_resurrects(leases: Leases, clock: Clock) -> None:
    (lease,) = await leases.acquire([TASK], "ann", 15)
    clock.advance(15)
    with pytest.raises(LeaseLost):
        await leases.heartbeat("ann", [TASK])
    with pytest.raises(LeaseLost):
        await leases.store.write(lambda board: holding.heartbeat_lock(board, "ann", lease.lock_id))
    (taken,) = await leases.acquire([TASK], "bob", 15)
    assert taken.fencing_token == 2


async def test_a_heartbeat_that_lost_one_renews_none(leases: Leases, clock: Clock) -> None:
    await leases.acquire([TASK], "ann", 15)
    clock.advance(10)
    with pytest.raises(LeaseLost) as lost:
        await leases.heartbeat("ann", [TASK, BRANCH])
    assert lost.value.facts["resources"] == [BRANCH]
    clock.advance(5)
    await leases.acquire([TASK], "bob", 15)


async def test_only_its_holder_keeps_or_releases_a_lock_and_tokens_are_not_told(
    leases: Leases, store: FakeCollabStore
) -> None:
    (lease,) = await leases.acquire([TASK], "ann", 15)
    for act in (holding.heartbeat_lock, holding.release_lock):
        with pytest.raises(NotTheHolder) as refused:
            await store.write(lambda board, act=act: act(board, "bob", lease.lock_id))  # type: ignore[misc]
        assert refused.value.facts == {"lock_id": lease.lock_id}
    with pytest.raises(LeaseLost):
        await leases.heartbeat("bob", [TASK])
    await leases.release("bob", [TASK])
    assert await all_of(store) == [lease]


async def test_release_is_idempotent_and_tokens_go_on(
    leases: Leases, store: FakeCollabStore, outbox: Outbox
) -> None:
    (lease,) = await leases.acquire([BRANCH], "ann", 15)
    for _ in range(2):
        await store.write(lambda board: holding.release_lock(board, "ann", lease.lock_id))
    await leases.release("ann", [BRANCH])
    assert outbox.names() == ["lease_acquired", "lease_released"]
    (again,) = await leases.acquire([BRANCH], "bob", 15)
    assert again.fencing_token == 2


# Paths


async def test_globs_that_can_match_one_path_exclude_each_other(leases: Leases) -> None:
    await leases.acquire(["path:shop/src/**"], "ann", 15)
    with pytest.raises(LeaseHeld) as held:
        await leases.acquire(["path:shop/**/cart.py"], "bob", 15)
    assert held.value.facts["resource"] == "path:shop/src/**"
    await leases.acquire(["path:shop/docs/*"], "bob", 15)
    await leases.acquire(["path:bank/src/cart.py"], "bob", 15)
    await leases.acquire(["path:shop/src/cart.py"], "ann", 15)


async def test_tokens_of_a_projects_paths_grow_together(leases: Leases, clock: Clock) -> None:
    (wide,) = await leases.acquire(["path:shop/src/**"], "ann", 15)
    clock.advance(15)
    (narrow,) = await leases.acquire(["path:shop/src/cart.py"], "bob", 15)
    (elsewhere,) = await leases.acquire(["path:bank/src"], "bob", 15)
    assert (wide.fencing_token, narrow.fencing_token, elsewhere.fencing_token) == (1, 2, 1)


async def test_an_expired_glob_in_the_way_is_taken_back(
    leases: Leases, clock: Clock, store: FakeCollabStore
) -> None:
    await leases.acquire(["path:shop/src/**"], "ann", 15)
    clock.advance(15)
    await leases.acquire(["path:shop/src/cart.py"], "bob", 15)
    assert [lease.resource for lease in await all_of(store)] == ["path:shop/src/cart.py"]


# Writing under a resource


async def check(store: FakeCollabStore, writer: Writer, name: str = TASK) -> None:
    await store.read(lambda view: check_writer(view, name, writer))


async def test_what_nobody_holds_anybody_writes_unless_they_show_a_fence(
    store: FakeCollabStore, leases: Leases, clock: Clock
) -> None:
    await check(store, Writer("ann"))
    (lease,) = await leases.acquire([TASK], "ann", 15)
    clock.advance(15)
    await check(store, Writer("bob"))
    with pytest.raises(FenceStale) as stale:
        await check(store, Writer("ann", Fence(TASK, "ann", lease.fencing_token)))
    assert stale.value.facts == {"resource": TASK, "current": None}


async def test_what_is_held_only_its_holder_writes_or_who_shows_their_fence(
    store: FakeCollabStore, leases: Leases
) -> None:
    await leases.acquire([TASK], "run_1", 15)
    await check(store, Writer("run_1"))
    await check(store, Writer("playbook", Fence(TASK, "run_1", 1)))
    with pytest.raises(LeaseHeld):
        await check(store, Writer("playbook"))


@pytest.mark.parametrize("fence", [Fence(TASK, "ann", 1), Fence(TASK, "bob", 2), Fence(BRANCH, "ann", 2)])
async def test_a_fence_that_is_not_that_of_the_live_lease_is_stale(
    store: FakeCollabStore, leases: Leases, clock: Clock, fence: Fence
) -> None:
    await leases.acquire([TASK], "ann", 15)
    clock.advance(15)
    await leases.acquire([TASK], "ann", 15)
    with pytest.raises(FenceStale):
        await check(store, Writer("ann", fence))
    await check(store, Writer("bob", Fence(TASK, "ann", 2)))


async def test_a_path_is_written_by_who_holds_a_glob_over_it(store: FakeCollabStore, leases: Leases) -> None:
    await leases.acquire(["path:shop/src/**"], "ann", 15)
    await check(store, Writer("ann"), "path:shop/src/cart.py")
    await check(store, Writer("bob"), "path:shop/docs/x")
    with pytest.raises(LeaseHeld):
        await check(store, Writer("bob"), "path:shop/src/cart.py")


async def test_a_fence_is_checked_inside_somebody_elses_transaction(leases: Leases, clock: Clock) -> None:
    (lease,) = await leases.acquire(["run:run_1"], "worker/1", 15)
    fence = Fence("run:run_1", "worker/1", lease.fencing_token)

    async def holds(shown: Fence) -> None:
        await leases.store.write(lambda board: leases.check_in(board.transaction, shown))

    await holds(fence)
    with pytest.raises(LeaseLost):
        await holds(Fence("run:run_1", "worker/2", lease.fencing_token))
    clock.advance(15)
    with pytest.raises(LeaseLost):
        await holds(fence)
    await leases.acquire(["run:run_1"], "worker/1", 15)
    with pytest.raises(LeaseLost):
        await holds(fence)


# Taking back
