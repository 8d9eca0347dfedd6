"""A door without its gate, for the tests of it: whom a header names is let in; a clock that moves when told,
and the log and the store over it. A suite for one database alone overrides `any_database`."""

from collections.abc import Mapping

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from kyros.auth.model import Principal
from kyros.collab.ports import CollabStore
from kyros.collab.store import SqlCollabStore
from kyros.events.store import SqlEventLog
from kyros.infra.db import Database
from tests.stand_ins import Clock


class Signed:
    """In place of the gate: whom of `people` the header `As` names is let in, without it the first."""

    def __init__(self, app: ASGIApp, people: Mapping[str, Principal]) -> None:
        self._app = app
        self._people = people
        self._first = next(iter(people))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = dict(scope["headers"]).get(b"as", self._first.encode()).decode()
        await self._app({**scope, "state": {"principal": self._people[name]}}, receive, send)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log(any_database: Database, clock: Clock) -> SqlEventLog:
    return SqlEventLog(any_database, clock=clock)


@pytest.fixture
def store(any_database: Database, log: SqlEventLog, clock: Clock) -> CollabStore:
    return SqlCollabStore(any_database, log, clock)
