"""Tasks and leases over the real log: state and event stand or fall together."""

import pytest
from sqlalchemy import Connection

from kyros.collab.errors import LeaseHeld
from kyros.collab.model import NewTask, TaskStatus
from kyros.collab.store import SqlLeaseStore, SqlTaskStore
from kyros.events.model import EventFilter
from kyros.events.store import SqlEventLog
from kyros.infra.db import SqliteDatabase
from kyros.kernel.states import MoveRefused

WANTED = NewTask("proj_1", "Greet the owls", "", "", ())


async def test_the_log_tells_the_story_in_order(database: SqliteDatabase) -> None:
    log = SqlEventLog(database)
    tasks, leases = SqlTaskStore(database, log), SqlLeaseStore(database, log)
    await tasks.create(WANTED, "ada")
    await leases.acquire(["task:T-1"], "worker@1", 60)
    await tasks.move("T-1", TaskStatus.CLAIMED, "worker@1", "")
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
        ("lease_acquired", "worker@2"),
        ("lease_released", "worker@2"),
    ]


async def test_all_of_it_is_found_under_the_task(database: SqliteDatabase) -> None:
    log = SqlEventLog(database)
    await SqlTaskStore(database, log).create(WANTED, "ada")
    await SqlLeaseStore(database, log).acquire(["task:T-1", "branch:p/x"], "worker@1", 60)
    found = await log.page(0, 100, EventFilter(target="T-1"))
    assert [event.event for event in found] == ["task_created", "lease_acquired"]


async def test_a_refusal_leaves_no_event(database: SqliteDatabase) -> None:
    log = SqlEventLog(database)
    tasks, leases = SqlTaskStore(database, log), SqlLeaseStore(database, log)
    await tasks.create(WANTED, "ada")
    await leases.acquire(["branch:p/x"], "worker@1", 60)
    last = await log.last_id()
    with pytest.raises(MoveRefused):
        await tasks.move("T-1", TaskStatus.DONE, "ada", "")
    with pytest.raises(LeaseHeld):
        await leases.acquire(["task:T-1", "branch:p/x"], "worker@2", 60)
    assert await log.last_id() == last


async def test_a_task_made_in_anothers_transaction_falls_with_it(database: SqliteDatabase) -> None:
    log = SqlEventLog(database)
    tasks = SqlTaskStore(database, log)

    def make_and_fail(connection: Connection) -> None:
        tasks.create_in(connection, WANTED, "ada")
        raise OSError("the other store gave up")

    with pytest.raises(OSError, match="gave up"):
        await database.write(make_and_fail)
    assert (await tasks.page(None, None, 10), await log.last_id()) == ([], 0)
    made = await database.write(lambda connection: tasks.create_in(connection, WANTED, "ada"))
    assert (await tasks.get(made.id), await log.last_id()) == (made, 1)
