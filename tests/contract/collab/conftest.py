"""The collab stores under test: the fake and SQL, a clock that moves when told, a log that remembers."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kyros.collab.fake import FakeLeaseStore, FakeTaskStore
from kyros.collab.ports import LeaseStore, TaskStore
from kyros.collab.store import SqlLeaseStore, SqlTaskStore
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
