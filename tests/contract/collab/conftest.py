"""The collab stores under test, each over its own log, with a clock that moves when told."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from kyros.auth.service import AgentTokens
from kyros.auth.store import SqlAuthStore
from kyros.collab.fake import FakeCollabStore
from kyros.collab.ports import CollabStore
from kyros.collab.service.hand_edits import HandEdits
from kyros.collab.store import FileCollabStore, SqlCollabStore
from kyros.events.fake import FakeEventLog
from kyros.events.model import NewEvent
from kyros.events.ports import EventLog
from kyros.events.store import SqlEventLog
from kyros.infra.db import Database
from tests.stand_ins import Clock

STORES = ("fake", "sqlite", "postgres", "files")


class Breakable:
    """The log as an outbox; refuses everything once `broken`."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self.broken = False

    def append_in(self, transaction: Any, events: Sequence[NewEvent]) -> None:
        if self.broken:
            raise OSError("no room for events")
        self._log.append_in(transaction, events)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=STORES)
def which(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def rows(request: pytest.FixtureRequest, which: str) -> Database | None:
    """The database underneath, if any."""
    if which == "fake":
        return None
    database: Database = request.getfixturevalue("postgres" if which == "postgres" else "database")
    return database


@pytest.fixture
def log(rows: Database | None, clock: Clock) -> EventLog:
    return FakeEventLog(clock=clock) if rows is None else SqlEventLog(rows, clock=clock)


@pytest.fixture
def outbox(log: EventLog) -> Breakable:
    return Breakable(log)


@pytest.fixture
async def store(
    which: str, rows: Database | None, outbox: Breakable, clock: Clock, tmp_path: Path
) -> AsyncIterator[CollabStore]:
    if rows is None:
        yield FakeCollabStore(outbox, clock)
        return
    sql = SqlCollabStore(rows, outbox, clock)
    if which != "files":
        yield sql
        return
    hand_edits = HandEdits(AgentTokens(SqlAuthStore(rows, outbox)))
    files = FileCollabStore(sql, tmp_path / "state", hand_edits, clock)
    await files.open()
    yield files
    await files.close()


@pytest.fixture
def heard(rows: Database | None, store: CollabStore) -> list[str]:
    """Topics announced by commits, in order."""
    if rows is None:
        assert isinstance(store, FakeCollabStore)
        return store.touched
    found: list[str] = []
    rows.listener = found.extend
    return found
