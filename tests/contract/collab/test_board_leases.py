"""What every board promises of leases, their counters and those who wait."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from kyros.collab.model import Lease, Waiter
from kyros.collab.ports import Board, CollabStore
from kyros.kernel.clock import to_text
from tests.contract.collab.items import lease
from tests.stand_ins import Clock


async def put(store: CollabStore, *leases: Lease) -> None:
    def work(board: Board) -> None:
        for one in leases:
            board.put_lease(one)

    await store.write(work)


async def test_a_lease_comes_back_whole(store: CollabStore) -> None:
    one = replace(lease("path:app/ünï 🦉/**", "boot_1/ada", token=7), ttl_seconds=0.1 + 0.2)
    await put(store, one)
    assert await store.read(lambda view: view.all_leases()) == [one]
    later = replace(one, heartbeat_at="2026-11-20T12:00:01.000001Z", lock_id="lock_2", holder="bob")
    await put(store, later)
    assert await store.read(lambda view: view.all_leases()) == [later]


async def test_leases_are_found_by_name_lock_and_beginnings(store: CollabStore) -> None:
    a, b = lease("path:app/src", "boot_1/a", lock_id="l1"), lease("path:app/docs", "boot_1/b", lock_id="l1")
    c, d = lease("path:appendix/src", "boot_2/a"), lease("Path:app/x", "Boot_1/a")
    await put(store, a, b, c, d)
    found = await store.read(
        lambda view: (
            view.leases_on(["path:app/src", "nobody's", "path:app/docs", "path:app/src"]),
            view.leases_on([]),
            view.leases_of("l1"),
            view.leases_of("l2"),
            view.leases_under("path:app/"),
            view.leases_by("boot_1/"),
            view.leases_by("boot_"),
            view.all_leases(),
        )
    )
    assert found == ([b, a], [], [b, a], [], [b, a], [b, a], [b, a, c], [d, b, a, c])


async def test_beginnings_are_taken_as_they_stand(store: CollabStore) -> None:
    await put(store, lease("a_b"), lease("axb"), lease("a%b"), lease("a🦉b"))
    found = await store.read(
        lambda view: [
            [one.resource for one in view.leases_under(prefix)] for prefix in ("a_", "a%", "A", "a🦉", "")
        ]
    )
    assert found == [["a_b"], ["a%b"], [], ["a🦉b"], ["a%b", "a_b", "axb", "a🦉b"]]


async def test_a_dropped_lease_is_gone_and_dropping_it_again_is_fine(store: CollabStore) -> None:
    await put(store, lease("a"), lease("b"))
    for _ in range(2):
        await store.write(lambda board: board.drop_lease(lease("a")))
    assert await store.read(lambda view: [one.resource for one in view.all_leases()]) == ["b"]


async def test_tokens_count_up_under_each_name_and_never_go_back(store: CollabStore) -> None:
    async def take(fence: str) -> int:
        return await store.write(lambda board: board.next_token(fence))

    assert [await take("a"), await take("a"), await take("b")] == [1, 2, 1]
    await put(store, lease("a"))
    await store.write(lambda board: board.drop_lease(lease("a")))
    assert [await take("a"), await take("b")] == [3, 2]
    at_once = await asyncio.gather(*(take("a") for _ in range(20)))
    assert sorted(at_once) == list(range(4, 24))


async def test_waiters_stand_by_ticket_and_tickets_are_never_used_again(
    store: CollabStore, clock: Clock
) -> None:
    until = clock.moment + timedelta(seconds=30)

    async def add(holder: str, *resources: str) -> Waiter:
        return await store.write(lambda board: board.add_waiter(holder, resources, until))

    ada, bob = await add("ada", "a", "ünï 🦉"), await add("bob", "a")
    assert ada == Waiter(ada.ticket, "ada", ("a", "ünï 🦉"), to_text(clock.moment), to_text(until))
    assert ada.ticket < bob.ticket
    seen = replace(ada, seen_at=to_text(clock.moment + timedelta(seconds=2)))
    await store.write(lambda board: board.put_waiter(seen))
    assert await store.read(lambda view: view.waiters()) == [seen, bob]

    def leave(board: Board) -> None:
        for one in (ada, bob):
            board.drop_waiter(one.ticket)
            board.drop_waiter(one.ticket)
            board.put_waiter(one)

    await store.write(leave)
    assert await store.read(lambda view: view.waiters()) == []
    assert (await add("cleo", "a")).ticket > bob.ticket
