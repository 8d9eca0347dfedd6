"""Server and worker on one database: each with connections, a writer and a loop of its own."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from kyros.collab.errors import LeaseHeld
from kyros.collab.model import Kind, NewTask, TaskChange, TaskStatus, Writer
from kyros.collab.ports import View
from kyros.collab.service.leases import Leases
from kyros.collab.service.tasks import Tasks
from kyros.collab.store import SqlCollabStore
from kyros.events.model import NewEvent
from kyros.infra.db import Database, Place, SqliteDatabase, open_database
from kyros.kernel.etag import StaleTag

WANTED = NewTask("p", "t", "", "", ())


class Silence:
    def append_in(self, transaction: Any, events: Sequence[NewEvent]) -> None:
        assert events


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest) -> Place:
    """Of a database with every table."""
    if request.param == "sqlite":
        database: SqliteDatabase = request.getfixturevalue("database")
        return database.path
    place: Place = request.getfixturevalue("postgres_place")
    return place


def store_on(database: Database) -> SqlCollabStore:
    return SqlCollabStore(database, Silence())


def side_by_side(
    place: Place, work: Callable[[SqlCollabStore, int], Awaitable[Any]], count: int
) -> list[Any]:
    """Run `work` in `count` threads that start together, each as if it were another process."""
    together = threading.Barrier(count)

    def one(number: int) -> Any:
        database = open_database(place)
        try:
            together.wait()
            return asyncio.run(work(store_on(database), number))
        finally:
            database.close()

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(one, range(count)))


@pytest.mark.parametrize("again", range(3))
def test_two_who_race_for_a_lease_leave_one_holder(place: Place, again: int) -> None:
    async def race(store: SqlCollabStore, number: int) -> Any:
        try:
            return await Leases(store).acquire(["task:T-1", "branch:p/x"], f"w{number}", 60)
        except LeaseHeld as held:
            return held.facts["holder"]

    answers = side_by_side(place, race, 2)
    (won,) = [answer for answer in answers if not isinstance(answer, str)]
    assert answers[1 - answers.index(won)] == won[0].holder


def test_fencing_tokens_never_repeat_across_processes(place: Place) -> None:
    async def take_and_give(store: SqlCollabStore, number: int) -> list[int]:
        leases, tokens = Leases(store), []
        while len(tokens) < 10:
            try:
                tokens += [lease.fencing_token for lease in await leases.acquire(["r"], f"w{number}", 60)]
                await leases.release(f"w{number}", ["r"])
            except LeaseHeld:
                await asyncio.sleep(0)
        return tokens

    first, second = side_by_side(place, take_and_give, 2)
    assert (first, second) == (sorted(first), sorted(second))
    assert sorted(first + second) == list(range(1, 21))


def test_task_ids_are_never_given_out_twice_across_processes(place: Place) -> None:
    async def create(store: SqlCollabStore, number: int) -> list[str]:
        tasks = Tasks(store)
        given = [(await tasks.create(replace(WANTED, id=f"T-{100 * number + 105}"), "a")).id]
        return given + [(await tasks.create(WANTED, "a")).id for _ in range(10)]

    first, second = side_by_side(place, create, 2)
    assert len({*first, *second}) == 22


def test_no_change_is_lost_when_two_write_the_same_task(place: Place) -> None:
    async def count_up(store: SqlCollabStore, number: int) -> int:
        tasks, refused = Tasks(store), 0
        for _ in range(20):
            while True:
                task = await tasks.get("T-1")
                change = TaskChange({"estimate_minutes": (task.estimate_minutes or 0) + 1})
                try:
                    await tasks.patch("T-1", change, Writer(f"w{number}"), task.etag)
                    break
                except StaleTag:
                    refused += 1
        return refused

    async def make(store: SqlCollabStore, number: int) -> None:
        await Tasks(store).create(WANTED, "a")

    def look(view: View) -> Any:
        return view.task("T-1"), view.revision(Kind.TASKS)

    async def read(store: SqlCollabStore, number: int) -> Any:
        return await store.read(look)

    side_by_side(place, make, 1)
    side_by_side(place, count_up, 3)
    ((task, revision),) = side_by_side(place, read, 1)
    assert (task.estimate_minutes, task.version) == (60, 61)
    assert (revision.number, revision.fold, revision.count) == (61, task.digest, 1)


async def test_the_number_of_a_deleted_task_is_not_used_again(database: SqliteDatabase) -> None:
    tasks = Tasks(store_on(database))
    await tasks.create(WANTED, "a")
    await database.write(lambda connection: connection.exec_driver_sql("DELETE FROM tasks").close())
    assert (await tasks.create(WANTED, "a")).id == "T-2"


async def test_tasks_and_leases_survive_a_restart(place: Place) -> None:
    first = open_database(place)
    store = store_on(first)
    await Tasks(store).create(WANTED, "a")
    await Tasks(store).move("T-1", TaskStatus.CLAIMED, Writer("a"), "")
    await Leases(store).acquire(["task:T-1"], "w", 60)
    first.close()
    reopened = open_database(place)
    try:
        assert (await Tasks(store_on(reopened)).get("T-1")).status is TaskStatus.CLAIMED
        with pytest.raises(LeaseHeld):
            await Leases(store_on(reopened)).acquire(["task:T-1"], "other", 60)
    finally:
        reopened.close()
