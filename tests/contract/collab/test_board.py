"""What every CollabStore promises of a transaction: all of it or nothing, and nobody else is harmed."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from kyros.collab.model import Kind, TaskStatus
from kyros.collab.ports import Board, CollabStore, View
from kyros.events.model import EventFilter, NewEvent
from kyros.events.ports import EventLog
from kyros.infra.db import Database
from kyros.kernel.answers import Answer, KeyReused, Once
from kyros.kernel.errors import Conflict
from tests.contract.collab.conftest import Breakable
from tests.contract.collab.items import agent, lease, task
from tests.stand_ins import Clock

ONCE = Once("ada", "key-1", "digest-1")
ANSWER = Answer(201, '{"id":"T-1"}', {"ETag": '"1-00"'})


def everything(view: View) -> dict[str, Any]:
    return {
        "tasks": view.all_tasks(),
        "leases": view.all_leases(),
        "agents": view.all_agents(),
        "waiters": view.waiters(),
        "revisions": [view.revision(kind) for kind in Kind],
        "beat": view.last_beat(),
    }


def write_all(board: Board) -> None:
    """Something of each kind."""
    board.add_task(task(labels=("new",)))
    board.put_task(replace(board.all_tasks()[0], title="Changed", version=7))
    board.put_lease(lease("b"))
    board.drop_lease(lease("a"))
    board.next_token("a")
    board.add_waiter("bob", ["a"], board.now)
    board.put_agent(agent("bot"))
    board.drop_agent("old")
    board.beat()
    board.remember(ONCE, ANSWER)
    board.touch("leases")
    board.tell(NewEvent("written", "ada", "T-1"))


def prepare(board: Board) -> None:
    board.add_task(task())
    board.put_lease(lease("a"))
    board.put_agent(agent("old"))


async def names(log: EventLog) -> list[str]:
    return [event.event for event in await log.page(0, 100, EventFilter())]


async def test_a_fresh_store_has_nothing(store: CollabStore) -> None:
    found = await store.read(everything)
    assert [one.number for one in found.pop("revisions")] == [0, 0, 0]
    assert found == {"tasks": [], "leases": [], "agents": [], "waiters": [], "beat": None}


async def test_what_was_written_is_there_for_the_next(store: CollabStore, log: EventLog) -> None:
    await store.write(prepare)
    await store.write(write_all)

    found = await store.read(everything)
    assert [one.title for one in found["tasks"]] == ["Changed", "Greet the owls"]
    assert [one.resource for one in found["leases"]] == ["b"]
    assert [one.name for one in found["agents"]] == ["bot"]
    assert [one.holder for one in found["waiters"]] == ["bob"]
    assert await names(log) == ["written"]


async def test_refused_work_leaves_nothing(store: CollabStore, log: EventLog, heard: list[str]) -> None:
    await store.write(prepare)
    before = await store.read(everything)
    heard.clear()

    def refused(board: Board) -> None:
        write_all(board)
        raise Conflict("no")

    with pytest.raises(Conflict, match="no"):
        await store.write(refused)
    assert await store.read(everything) == before
    assert (await names(log), heard) == ([], [])
    assert await store.write(lambda board: board.recall(ONCE)) is None
    assert await store.write(lambda board: board.next_token("a")) == 1


async def test_work_whose_event_cannot_be_told_leaves_nothing(
    store: CollabStore, log: EventLog, outbox: Breakable
) -> None:
    await store.write(prepare)
    before = await store.read(everything)
    outbox.broken = True
    with pytest.raises(OSError, match="no room"):
        await store.write(write_all)
    outbox.broken = False
    assert (await store.read(everything), await names(log)) == (before, [])


async def test_a_refusal_harms_no_neighbour(store: CollabStore) -> None:
    def one(number: int) -> Callable[[Board], None]:
        def work(board: Board) -> None:
            board.add_task(task(f"Number {number}"))
            board.put_lease(lease(f"r{number}"))
            if number % 3 == 0:
                raise Conflict("no")

        return work

    done = await asyncio.gather(*(store.write(one(n)) for n in range(30)), return_exceptions=True)

    assert [isinstance(outcome, Conflict) for outcome in done] == [n % 3 == 0 for n in range(30)]
    found = await store.read(everything)
    kept = [f"Number {n}" for n in range(30) if n % 3]
    assert [one.title for one in found["tasks"]] == kept
    assert len(found["leases"]) == len(kept)
    assert [(one.number, one.count) for one in found["revisions"]] == [(20, 20), (20, 20), (0, 0)]


async def test_a_board_sees_its_own_writes(store: CollabStore) -> None:
    def work(board: Board) -> dict[str, Any]:
        prepare(board)
        write_all(board)
        return everything(board)

    seen = await store.write(work)
    assert await store.read(everything) == seen


async def test_a_view_does_not_change_under_its_reader(store: CollabStore, clock: Clock) -> None:
    def work(view: View) -> tuple[Any, Any]:
        before = view.now
        clock.advance(5)
        return before, view.now

    before, after = await store.read(work)
    assert before == after
    assert await store.read(lambda view: view.now) == clock.moment


async def test_the_beat_is_the_time_of_its_transaction(store: CollabStore, clock: Clock) -> None:
    await store.write(lambda board: board.beat())
    first = clock.moment
    clock.advance(3.25)
    assert await store.read(lambda view: view.last_beat()) == first
    await store.write(lambda board: board.beat())
    assert await store.read(lambda view: view.last_beat()) == clock.moment


async def test_topics_are_announced_once_it_is_kept(store: CollabStore, heard: list[str]) -> None:
    def work(board: Board) -> None:
        board.touch("leases")
        assert "leases" not in heard

    await store.write(work)
    assert heard.count("leases") == 1


async def test_events_come_in_the_order_they_were_told(store: CollabStore, log: EventLog) -> None:
    def work(board: Board) -> None:
        board.tell(NewEvent("one", "ada", "T-1"), NewEvent("two", "ada", "T-1"))
        board.tell(NewEvent("three", "ada", "T-1", {"n": 3}))

    await store.write(work)
    assert await names(log) == ["one", "two", "three"]


async def test_an_answer_is_remembered_for_its_caller_and_key(store: CollabStore) -> None:
    await store.write(lambda board: board.remember(ONCE, ANSWER))
    recalled = [
        Once("ada", "key-1", "digest-1"),
        Once("bob", "key-1", "other"),
        Once("ada", "key-2", "other"),
    ]
    found = await store.write(lambda board: [board.recall(one) for one in recalled])
    assert found == [ANSWER, None, None]


async def test_a_key_with_another_request_is_refused(store: CollabStore) -> None:
    await store.write(lambda board: board.remember(ONCE, ANSWER))
    with pytest.raises(KeyReused):
        await store.write(lambda board: board.recall(replace(ONCE, digest="other")))


async def in_anothers(store: CollabStore, rows: Database | None, work: Callable[[Any], None]) -> None:
    """A transaction of some other store: the database's, or a list of things to do on commit."""
    if rows is not None:
        await rows.write(work)
        return
    commit: list[Callable[[], None]] = []
    work(commit)
    for action in commit:
        action()


async def test_boards_of_anothers_transaction_see_each_other_and_stand_with_it(
    store: CollabStore, rows: Database | None, log: EventLog
) -> None:
    def work(transaction: Any) -> None:
        first = store.board(transaction)
        made = first.add_task(task())
        first.tell(NewEvent("made", "ada", made.id))
        second = store.board(transaction)
        second.put_task(replace(made, title="By another board", version=2))
        first.put_task(replace(made, status=TaskStatus.CLAIMED, version=3))
        assert second.task(made.id) == first.task(made.id)

    await in_anothers(store, rows, work)
    (kept,) = await store.read(lambda view: view.all_tasks())
    assert (kept.title, kept.status) == ("Greet the owls", TaskStatus.CLAIMED)
    revision = await store.read(lambda view: view.revision(Kind.TASKS))
    assert (revision.number, revision.fold, revision.count) == (3, kept.digest, 1)
    assert await names(log) == ["made"]


async def test_boards_of_anothers_transaction_fall_with_it(
    store: CollabStore, rows: Database | None, log: EventLog
) -> None:
    before = await store.read(everything)

    def work(transaction: Any) -> None:
        prepare(store.board(transaction))
        store.board(transaction).tell(NewEvent("made", "ada", "T-1"))
        raise Conflict("the other store gave up")

    with pytest.raises(Conflict, match="gave up"):
        await in_anothers(store, rows, work)
    assert (await store.read(everything), await names(log)) == (before, [])


async def test_its_transaction_is_one_for_other_rooms(store: CollabStore, log: EventLog) -> None:
    def work(board: Board) -> None:
        log.append_in(board.transaction, [NewEvent("elsewhere", "ada", "x")])
        raise Conflict("no")

    with pytest.raises(Conflict):
        await store.write(work)
    assert await names(log) == []
    await store.write(lambda board: log.append_in(board.transaction, [NewEvent("elsewhere", "ada", "x")]))
    assert await names(log) == ["elsewhere"]
