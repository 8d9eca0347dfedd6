"""One side of a history: a collab store of some kind with its services, log and clock, reopened when told."""

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import orjson

from kyros.auth.fake import FakeTokens
from kyros.auth.ports import Tokens
from kyros.auth.service import AgentTokens
from kyros.auth.store import SqlAuthStore
from kyros.collab.fake import FakeCollabStore
from kyros.collab.model import Kind, TaskQuery, TaskStatus
from kyros.collab.model.registry import full_tag
from kyros.collab.ports import CollabStore, View
from kyros.collab.service import agents
from kyros.collab.service.agents import Agents
from kyros.collab.service.hand_edits import HandEdits
from kyros.collab.service.leases import Leases
from kyros.collab.service.tasks import Tasks, shown
from kyros.collab.store import FileCollabStore, SqlCollabStore
from kyros.events.fake import FakeEventLog
from kyros.events.model import EVERYTHING
from kyros.events.ports import EventLog
from kyros.events.store import SqlEventLog
from kyros.infra.db import Database, Place, open_database
from kyros.kernel.clock import Clock


class Side:
    """In memory; `open` after making it, `close` at the end."""

    name = "fake"

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._numbers = count(1)
        self._seen = 0

    async def open(self) -> None:
        log = FakeEventLog(clock=self.clock)
        self.furnish(log, FakeCollabStore(log, self.clock), FakeTokens())

    def furnish(self, log: EventLog, store: CollabStore, tokens: Tokens) -> None:
        self.log, self.store = log, store
        self.tasks, self.agents = Tasks(store), Agents(store, tokens)
        self.leases = Leases(store, lambda kind: f"{kind}_{next(self._numbers)}")

    async def reopen(self) -> None:
        """As after a restart: what was committed is all that is left."""
        self.furnish(self.log, self.store, self.agents.tokens)

    async def close(self) -> None:
        pass

    async def state(self) -> dict[str, Any]:
        """All that anybody could read, as plain values."""
        return await self.store.read(_all_of)

    async def news(self) -> list[Any]:
        """The events since the last call."""
        found = await self.log.page(self._seen, 1_000, EVERYTHING)
        self._seen = found[-1].id if found else self._seen
        return [
            (event.id, event.ts, event.event, event.actor, event.target, event.details) for event in found
        ]

    def check(self, state: dict[str, Any]) -> None:
        """Whatever this side promises besides."""


class SqlSide(Side):
    def __init__(self, name: str, place: Place, clock: Clock) -> None:
        super().__init__(clock)
        self.name, self.place = name, place

    async def open(self) -> None:
        self.database: Database = open_database(self.place)
        log = SqlEventLog(self.database, clock=self.clock)
        rows = SqlCollabStore(self.database, log, self.clock)
        tokens = AgentTokens(SqlAuthStore(self.database, log, self.clock))
        self.furnish(log, await self.kept(rows, tokens), tokens)

    async def kept(self, rows: SqlCollabStore, tokens: AgentTokens) -> CollabStore:
        return rows

    async def reopen(self) -> None:
        await self.close()
        await self.open()

    async def close(self) -> None:
        self.database.close()


class FileSide(SqlSide):
    def __init__(self, place: Path, clock: Clock) -> None:
        super().__init__("files", place, clock)
        self.folder = place.parent / "state"

    async def kept(self, rows: SqlCollabStore, tokens: AgentTokens) -> CollabStore:
        self.files = FileCollabStore(rows, self.folder, HandEdits(tokens), self.clock)
        await self.files.open()
        return self.files

    async def close(self) -> None:
        await self.files.close()
        await super().close()

    def check(self, state: dict[str, Any]) -> None:
        """The files say what the rows say, and nothing was set aside."""
        assert self.files.trouble is None
        for kind in Kind:
            items = orjson.loads((self.folder / f"{kind.value}.json").read_bytes())[kind.value]
            shown_there = [{name: value for name, value in one.items() if name != "etag"} for one in items]
            assert shown_there == [document for _, document in state[kind.value].values()]
        assert not (self.folder / "set-aside").exists()


def _all_of(view: View) -> dict[str, Any]:
    """Of each item its etag and document; of each collection its revision; of what is answered the same."""
    found: dict[str, Any] = {
        "tasks": {one.id: (one.etag, one.document()) for one in view.all_tasks()},
        "locks": {one.resource: (one.digest, one.document()) for one in view.all_leases()},
        "agents": {one.name: (one.etag, one.document()) for one in view.all_agents()},
        "revisions": {kind.value: view.revision(kind) for kind in Kind},
        "shown": {one.id: _shown(shown(view, one)) for one in view.all_tasks()},
    }
    found["looked up"] = [
        {one.id: [other.id for other in view.waiting_for(one.id)] for one in view.all_tasks()},
        [one.id for one in view.tasks(TaskQuery(text="b"))],
        [one.id for one in view.tasks(TaskQuery(status=TaskStatus.QUEUED))],
        [one.resource for one in view.leases_by("bo")],
        [one.resource for one in view.leases_under("path:p/")],
        {one.lock_id: [other.resource for other in view.leases_of(one.lock_id)] for one in view.all_leases()},
    ]
    there = (agents.shown(view, agent) for agent in view.all_agents())
    found["present"] = {one.name: (full_tag(one), one.document()) for one in there}
    return found


def _shown(answered: Any) -> tuple[str, Any]:
    document = answered.document()
    return document.pop("etag"), document


SideMaker = Callable[[Clock], Side]
