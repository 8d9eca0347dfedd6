"""A bench for each test, the cache of `make agents` on the PATH, and nothing left alive after it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kyros.infra.db import SqliteDatabase
from tests.agents.bench import Bench
from tests.agents.programs import search_path
from tests.integration.system.conftest import kyros

__all__ = ["kyros"]


@pytest.fixture(autouse=True)
def _cache_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", search_path())


@pytest.fixture
def bench(tmp_path: Path, database: SqliteDatabase) -> Iterator[Bench]:
    bench = Bench(tmp_path, database)
    yield bench
    left = bench.left()
    for process in left:
        process.kill()
    assert not left, f"left alive: {left}"
