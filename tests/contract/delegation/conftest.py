"""The run store under test: the fake and SQL, with a clock that moves when told and ends that remember."""

from typing import Any

import pytest

from kyros.collab.fake import FakeTaskStore
from kyros.collab.ports import TaskStore
from kyros.collab.store import SqlTaskStore
from kyros.delegation.fake import FakeRunStore
from kyros.delegation.ports import RunStore
from kyros.delegation.store import SqlRunStore
from kyros.engine.fake import FakeQueue
from kyros.engine.model import NewJob
from tests.stand_ins import Clock, Outbox


class Queue(FakeQueue):
    """Remembers what it was handed inside a transaction; refuses everything once `broken`."""

    def __init__(self) -> None:
        super().__init__()
        self.handed: list[NewJob] = []
        self.broken = False

    def enqueue_in(self, transaction: Any, job: NewJob) -> None:
        if self.broken:
            raise OSError("no room for jobs")
        self.handed.append(job)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@pytest.fixture
def queue() -> Queue:
    return Queue()


@pytest.fixture(params=["fake", "sql"])
def tasks(request: pytest.FixtureRequest, outbox: Outbox, clock: Clock) -> TaskStore:
    if request.param == "fake":
        return FakeTaskStore(outbox, clock)
    return SqlTaskStore(request.getfixturevalue("database"), outbox, clock)


@pytest.fixture
def runs(
    request: pytest.FixtureRequest, tasks: TaskStore, outbox: Outbox, queue: Queue, clock: Clock
) -> RunStore:
    if isinstance(tasks, FakeTaskStore):
        return FakeRunStore(tasks=tasks, outbox=outbox, queue=queue, clock=clock, delay_seconds=7)
    database = request.getfixturevalue("database")
    return SqlRunStore(database, tasks=tasks, outbox=outbox, queue=queue, clock=clock, delay_seconds=7)
