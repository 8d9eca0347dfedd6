"""A home's state in files, for the tests of them: a store over a real database, and a hand that edits."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from kyros.auth.service import AgentTokens
from kyros.auth.store import SqlAuthStore
from kyros.collab.model import NewTask
from kyros.collab.service.hand_edits import HandEdits
from kyros.collab.service.tasks import Tasks
from kyros.collab.store import SqlCollabStore
from kyros.collab.store.files import FileCollabStore
from kyros.events.model import Event, EventFilter
from kyros.events.store import SqlEventLog
from kyros.infra.db import SqliteDatabase

WANTED = NewTask("house", "Wash the car", "So that it shines.", "", ("It shines",))


class FileHome:
    """One process on a home: `database` is its own, the folder is shared."""

    def __init__(self, database: SqliteDatabase, folder: Path) -> None:
        self.folder = folder
        self.log = SqlEventLog(database)
        self.rows = SqlCollabStore(database, self.log)
        self.tokens = AgentTokens(SqlAuthStore(database, self.log))
        self.hand_edits = HandEdits(self.tokens)
        self.store = FileCollabStore(self.rows, folder, self.hand_edits)
        self.tasks = Tasks(self.store)

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def file(self, name: str = "tasks") -> Any:
        return json.loads(self.path(name).read_bytes())

    def titles(self) -> list[str]:
        return [task["title"] for task in self.file()["tasks"]]

    def edit(self, change: Callable[[Any], object], name: str = "tasks") -> bytes:
        """As an editor saves: a new file in place of the old. Returns what it wrote."""
        value = self.file(name)
        change(value)
        return self.save(json.dumps(value, indent=2).encode(), name)

    def save(self, content: bytes, name: str = "tasks") -> bytes:
        beside = self.folder.parent / f"{name}.edited"
        beside.write_bytes(content)
        beside.rename(self.path(name))
        return content

    def kept(self) -> list[Path]:
        return sorted(self.folder.glob("set-aside/*"))

    async def events(self, *names: str) -> list[Event]:
        found = await self.log.page(0, 500, EventFilter())
        return [event for event in found if not names or event.event in names]


@asynccontextmanager
async def file_home(database: SqliteDatabase, folder: Path) -> AsyncIterator[FileHome]:
    home = FileHome(database, folder)
    await home.store.open()
    try:
        yield home
    finally:
        await home.store.close()
