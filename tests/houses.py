"""The server's house, without a process round it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from kyros.entrypoints.bootstrap import House, open_server
from kyros.entrypoints.home import Home
from kyros.infra.db import SqliteDatabase, metadata
from kyros.kernel.settings import Settings


@asynccontextmanager
async def opened(home: Path, **settings: object) -> AsyncIterator[House]:
    """On a new home with all its tables, which is faster than to migrate one."""
    home.mkdir(exist_ok=True)
    database = SqliteDatabase(Home(home).database)
    metadata.create_all(database._engine)
    database.close()
    async with open_server(Settings.model_validate({"home": home, **settings})) as house:
        yield house
