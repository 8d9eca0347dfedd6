"""The run store under test: the fake and SQL, with a clock that moves when told and ends that remember."""

from typing import Any

import pytest

from kyros.collab.fake import FakeCollabStore
from kyros.collab.ports import CollabStore
from kyros.collab.service.leases import Leases
from kyros.collab.service.tasks import Tasks
from kyros.collab.store import SqlCollabStore
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


@pytest.fixture(params=["fake", "database", "postgres"])
def kind(request: pytest.FixtureRequest) -> str:
    """What the stores stand on: themselves, or a database."""
    found: str = request.param
    return found


@pytest.fixture
def collab(request: pytest.FixtureRequest, kind: str, outbox: Outbox, clock: Clock) -> CollabStore:
    if kind == "fake":
        return FakeCollabStore(outbox, clock)
    return SqlCollabStore(request.getfixturevalue(kind), outbox, clock)


@pytest.fixture
def tasks(collab: CollabStore) -> Tasks:
    return Tasks(collab)


@pytest.fixture
def leases(collab: CollabStore) -> Leases:
    return Leases(collab)


@pytest.fixture
def runs(
    request: pytest.FixtureRequest,
    kind: str,
    tasks: Tasks,
    leases: Leases,
    outbox: Outbox,
    queue: Queue,
    clock: Clock,
) -> RunStore:
    parts: dict[str, Any] = {"tasks": tasks, "leases": leases, "outbox": outbox, "queue": queue}
    if isinstance(tasks.store, FakeCollabStore):
        return FakeRunStore(**parts, clock=clock, delay_seconds=7)
    return SqlRunStore(request.getfixturevalue(kind), **parts, clock=clock, delay_seconds=7)


@pytest.fixture(autouse=True)
async def held(leases: Leases, outbox: Outbox) -> None:
    """A walk has `run_1` (`FENCE` of the tests); that it took it is no part of what is tested."""
    await leases.acquire(["run:run_1"], "worker/1", 86_400)
    outbox.events.clear()
