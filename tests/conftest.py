"""What every suite shares: the asyncio backend and a real SQLite database with every table."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kyros.infra.db import SqliteDatabase, metadata


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[SqliteDatabase]:
    """A database file of its own. Import the stores you use before asking for it: they bring their tables."""
    database = SqliteDatabase(tmp_path / "kyros.db")
    metadata.create_all(database._engine)
    yield database
    database.close()
