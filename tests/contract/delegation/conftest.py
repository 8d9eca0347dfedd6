"""The run store under test: the fake and SQL, with a clock that moves when told and ends that remember."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
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
from kyros.events.model import NewEvent


class Clock:
    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 20, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def advance(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


class Outbox:
    """Remembers what was appended; refuses everything once `broken`."""

    def __init__(self) -> None:
        self.events: list[NewEvent] = []
        self.broken = False

    def append_in(self, transaction: Any, events: Sequence[NewEvent]) -> None:
        if self.broken:
            raise OSError("no room for events")
        self.events += events

    def names(self) -> list[str]:
        return [event.event for event in self.events]


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
