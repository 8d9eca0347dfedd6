"""The room in memory, on a clock that moves when told."""

import pytest

from kyros.collab.fake import FakeCollabStore
from kyros.collab.service.leases import Leases
from tests.stand_ins import Clock, Outbox


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@pytest.fixture
def store(outbox: Outbox, clock: Clock) -> FakeCollabStore:
    return FakeCollabStore(outbox, clock)


@pytest.fixture
def leases(store: FakeCollabStore) -> Leases:
    return Leases(store)
