"""Server and worker on one database file: each with connections, a writer and a loop of its own."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from kyros.collab.errors import LeaseHeld
from kyros.collab.model import NewTask, TaskStatus
from kyros.collab.store import SqlLeaseStore, SqlTaskStore
from kyros.events.model import NewEvent
from kyros.infra.db import SqliteDatabase


class Silence:
    def append_in(self, transaction: Any, events: Sequence[NewEvent]) -> None:
        assert events


def side_by_side(path: Path, work: Callable[[SqliteDatabase, int], Awaitable[Any]], count: int) -> list[Any]:
    """Run `work` in `count` threads that start together, each as if it were another process."""
    together = threading.Barrier(count)

    def one(number: int) -> Any:
        database = SqliteDatabase(path)
        try:
            together.wait()
            return asyncio.run(work(database, number))
        finally:
            database.close()

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(one, range(count)))


@pytest.mark.parametrize("again", range(5))
def test_two_who_race_for_a_lease_leave_one_holder(database: SqliteDatabase, again: int) -> None:
    async def race(own: SqliteDatabase, number: int) -> Any:
        try:
            return await SqlLeaseStore(own, Silence()).acquire(["task:T-1", "branch:p/x"], f"w{number}", 60)
        except LeaseHeld as held:
            return held.facts["holder"]

    answers = side_by_side(database.path, race, 2)
    (won,) = [answer for answer in answers if not isinstance(answer, str)]
    assert answers[1 - answers.index(won)] == won[0].holder


def test_fencing_tokens_never_repeat_across_processes(database: SqliteDatabase) -> None:
    async def take_and_give(own: SqliteDatabase, number: int) -> list[int]:
        store, tokens = SqlLeaseStore(own, Silence()), []
        while len(tokens) < 10:
            try:
                tokens += [lease.fencing_token for lease in await store.acquire(["r"], f"w{number}", 60)]
                await store.release(f"w{number}", ["r"])
            except LeaseHeld:
                await asyncio.sleep(0)
        return tokens

    first, second = side_by_side(database.path, take_and_give, 2)
    assert first == sorted(first)
    assert second == sorted(second)
    assert sorted(first + second) == list(range(1, 21))


def test_task_ids_are_never_given_out_twice_across_processes(database: SqliteDatabase) -> None:
    async def create(own: SqliteDatabase, number: int) -> list[str]:
        store = SqlTaskStore(own, Silence())
        return [(await store.create(NewTask("p", "t", "", "", ()), "a")).id for _ in range(10)]

    first, second = side_by_side(database.path, create, 2)
    assert len({*first, *second}) == 20


async def test_the_number_of_a_deleted_task_is_not_used_again(database: SqliteDatabase) -> None:
    store = SqlTaskStore(database, Silence())
    await store.create(NewTask("p", "t", "", "", ()), "a")
    await database.write(lambda connection: connection.exec_driver_sql("DELETE FROM tasks").close())
    assert (await store.create(NewTask("p", "t", "", "", ()), "a")).id == "T-2"


async def test_tasks_and_leases_survive_a_restart(database: SqliteDatabase) -> None:
    await SqlTaskStore(database, Silence()).create(NewTask("p", "t", "", "", ("c",)), "a")
    await SqlTaskStore(database, Silence()).move("T-1", TaskStatus.CLAIMED, "a", "")
    await SqlLeaseStore(database, Silence()).acquire(["task:T-1"], "w", 60)
    reopened = SqliteDatabase(database.path)
    try:
        assert (await SqlTaskStore(reopened, Silence()).get("T-1")).status is TaskStatus.CLAIMED
        with pytest.raises(LeaseHeld):
            await SqlLeaseStore(reopened, Silence()).acquire(["task:T-1"], "other", 60)
    finally:
        reopened.close()
