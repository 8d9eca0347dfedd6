"""Tasks and leases over the real log: state and event stand or fall together."""

import pytest
from sqlalchemy import Connection

from kyros.collab.errors import LeaseHeld, TaskNotFound
from kyros.collab.model import NewTask, TaskQuery, TaskStatus, Writer
from kyros.collab.service.leases import Leases
from kyros.collab.service.tasks import Tasks
from kyros.collab.store import SqlCollabStore
from kyros.events.model import EventFilter
from kyros.events.store import SqlEventLog
from kyros.infra.db import Database
from kyros.kernel.states import MoveRefused
from tests.stand_ins import Outbox

WANTED = NewTask("app", "Greet the owls", "", "", ())


@pytest.fixture
def log(any_database: Database) -> SqlEventLog:
    return SqlEventLog(any_database)


@pytest.fixture
def store(any_database: Database, log: SqlEventLog) -> SqlCollabStore:
    return SqlCollabStore(any_database, log)


@pytest.fixture
def tasks(store: SqlCollabStore) -> Tasks:
    return Tasks(store)


@pytest.fixture
def leases(store: SqlCollabStore) -> Leases:
    return Leases(store)


async def test_the_log_tells_the_story_in_order(tasks: Tasks, leases: Leases, log: SqlEventLog) -> None:
    await tasks.create(WANTED, "ada")
    await leases.acquire(["task:T-1"], "worker@1", 60)
    await tasks.move("T-1", TaskStatus.CLAIMED, Writer("worker@1"), "")
    await leases.heartbeat("worker@1", ["task:T-1"])
    await leases.void("worker@", "worker@2")
    await leases.acquire(["task:T-1"], "worker@2", 60)
    await leases.release("worker@2", ["task:T-1"])
    story = [(event.event, event.actor) for event in await log.page(0, 100, EventFilter())]
    assert story == [
        ("task_created", "ada"),
        ("lease_acquired", "worker@1"),
        ("task_moved", "worker@1"),
        ("lease_reclaimed", "worker@2"),
        ("task_moved", "worker@2"),
        ("lease_acquired", "worker@2"),
        ("lease_released", "worker@2"),
    ]


async def test_all_of_it_is_found_under_the_task(tasks: Tasks, leases: Leases, log: SqlEventLog) -> None:
    await tasks.create(WANTED, "ada")
    await leases.acquire(["task:T-1", "branch:app/x"], "worker@1", 60)
    found = await log.page(0, 100, EventFilter(target="T-1"))
    assert [event.event for event in found] == ["task_created", "lease_acquired"]


async def test_a_refusal_leaves_no_event(tasks: Tasks, leases: Leases, log: SqlEventLog) -> None:
    await tasks.create(WANTED, "ada")
    await leases.acquire(["branch:app/x"], "worker@1", 60)
    last = await log.last_id()
    with pytest.raises(MoveRefused):
        await tasks.move("T-1", TaskStatus.DONE, Writer("ada"), "")
    with pytest.raises(LeaseHeld):
        await leases.acquire(["task:T-1", "branch:app/x"], "worker@2", 60)
    assert await log.last_id() == last


async def test_a_task_whose_event_cannot_be_told_is_not_made(any_database: Database) -> None:
    outbox = Outbox()
    tasks = Tasks(SqlCollabStore(any_database, outbox))
    outbox.broken = True
    with pytest.raises(OSError, match="no room"):
        await tasks.create(WANTED, "ada")
    with pytest.raises(TaskNotFound):
        await tasks.get("T-1")


async def test_a_task_made_in_anothers_transaction_falls_with_it(
    any_database: Database, tasks: Tasks, log: SqlEventLog
) -> None:
    def make_and_fail(connection: Connection) -> None:
        tasks.create_in(connection, WANTED, "ada")
        raise OSError("the other store gave up")

    with pytest.raises(OSError, match="gave up"):
        await any_database.write(make_and_fail)
    assert (await tasks.find(TaskQuery()), await log.last_id()) == ([], 0)
    made = await any_database.write(lambda connection: tasks.create_in(connection, WANTED, "ada"))
    assert (await tasks.get(made.id), await log.last_id()) == (made, 1)
