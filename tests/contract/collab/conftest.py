"""The collab stores under test: the fake and SQL, a clock that moves when told, a log that remembers."""

import pytest

from kyros.collab.fake import FakeLeaseStore, FakeTaskStore
from kyros.collab.ports import LeaseStore, TaskStore
from kyros.collab.store import SqlLeaseStore, SqlTaskStore
from tests.stand_ins import Clock, Outbox


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@pytest.fixture(params=["fake", "sql"])
def tasks(request: pytest.FixtureRequest, outbox: Outbox, clock: Clock) -> TaskStore:
    if request.param == "fake":
        return FakeTaskStore(outbox, clock)
    return SqlTaskStore(request.getfixturevalue("database"), outbox, clock)


@pytest.fixture(params=["fake", "sql"])
def leases(request: pytest.FixtureRequest, outbox: Outbox, clock: Clock) -> LeaseStore:
    if request.param == "fake":
        return FakeLeaseStore(outbox, clock)
    return SqlLeaseStore(request.getfixturevalue("database"), outbox, clock)
