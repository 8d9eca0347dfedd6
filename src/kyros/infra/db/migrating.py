"""What migrations need of each database: where it stands, and a connection on which to change it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Connection, text

from kyros.infra.db.place import Place, PostgresPlace
from kyros.infra.db.sqlite import sqlite_engine

_VERSION = "SELECT version_num FROM alembic_version"


def version_of(place: Place) -> str | None:
    """The revision noted by Alembic; None for a database that is not there or was never migrated. Raises
    DatabaseFailed when PostgreSQL cannot be asked."""
    return _of_file(place) if isinstance(place, Path) else _of_server(place)


@contextmanager
def migrating(place: Place) -> Iterator[Connection]:
    """A connection for Alembic. All that happens on it happens at once or not at all, while nobody else
    writes or migrates. Raises DatabaseFailed."""
    if isinstance(place, Path):
        with _migrating_file(place) as connection:
            yield connection
        return
    with _migrating_server(place) as connection:
        yield connection


def _of_file(path: Path) -> str | None:
    if not path.exists():
        return None
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        try:
            row = connection.execute(_VERSION).fetchone()
        except sqlite3.OperationalError:
            return None
    return None if row is None else str(row[0])


def _of_server(place: PostgresPlace) -> str | None:
    from kyros.infra.db.postgres import naming_errors, postgres_engine

    with naming_errors(place), postgres_engine(place).connect() as connection:
        if connection.exec_driver_sql("SELECT to_regclass('alembic_version')").scalar() is None:
            return None
        row = connection.exec_driver_sql(_VERSION).first()
        return None if row is None else str(row[0])


@contextmanager
def _migrating_file(path: Path) -> Iterator[Connection]:
    engine = sqlite_engine(path)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            connection.exec_driver_sql("COMMIT")  # left by an error, the connection closes without
    finally:
        engine.dispose()


@contextmanager
def _migrating_server(place: PostgresPlace) -> Iterator[Connection]:
    from kyros.infra.db.postgres import SORT_BY_BYTES, TAKE_WRITE_LOCK, naming_errors, postgres_engine

    engine = postgres_engine(place).execution_options(isolation_level="READ COMMITTED")
    with naming_errors(place), engine.begin() as connection:
        # A large table takes its time, and so does another start that came first.
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        connection.exec_driver_sql("SET LOCAL lock_timeout = '10min'")
        connection.exec_driver_sql(TAKE_WRITE_LOCK)
        yield connection
        connection.execute(text(SORT_BY_BYTES))
