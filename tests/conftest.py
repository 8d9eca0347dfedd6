"""What every suite shares: the asyncio backend, the log of a server and real databases with every table."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from kyros.infra.db import Database, SqliteDatabase, metadata, open_database
from kyros.infra.telemetry import configure_logs
from tests.servers import _template, empty_postgres, postgres_place, postgres_url, redis_url

__all__ = ["_template", "empty_postgres", "postgres_place", "postgres_url", "redis_url"]


LONGEST = [
    "integration/system/test_collab_killed.py",
    "integration/system/test_hammered.py",
    "integration/system/test_killed.py",
    "integration/system/test_main_job.py",
    "contract/collab/test_history.py",
    "contract/collab/test_lease_history.py",
    "integration/schema/test_schema.py",
    "integration/system/test_leases.py",
]
"""Suites whose tests take tens of seconds each. They come first: towards the end, when hardly any are left
to share out, a long one would keep one process busy while the other has nothing to do."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ranks = {Path(__file__).parent / name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What could not run here is said out loud, each reason once."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = sorted({str(report.longrepr[2]) for report in skipped if isinstance(report.longrepr, tuple)})
    if reasons:
        terminalreporter.section("not run here")
    for reason in reasons:
        terminalreporter.write_line(reason.removeprefix("Skipped: "))


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def server_log(tmp_path: Path) -> Iterator[Path]:
    """The log as a running server writes it; afterwards logging is what it was before."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    path = tmp_path / "logs" / "server.log"
    configure_logs("DEBUG", path)
    yield path
    for handler in root.handlers:
        handler.close()
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[SqliteDatabase]:
    """A database file of its own. Import the stores you use before asking for it: they bring their tables."""
    database = SqliteDatabase(tmp_path / "kyros.db")
    metadata.create_all(database._engine)
    yield database
    database.close()


@pytest.fixture
def postgres(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A PostgreSQL database of its own, with every table."""
    database = open_database(request.getfixturevalue("postgres_place"))
    yield database
    database.close()


@pytest.fixture(params=["sqlite", "postgres"])
def any_database(request: pytest.FixtureRequest) -> Database:
    """Each database in turn, with every table."""
    database: Database = request.getfixturevalue("database" if request.param == "sqlite" else "postgres")
    return database
