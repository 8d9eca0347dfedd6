"""SQLite: a file in the home, its pragmas and its ways to fail."""

import shutil
import sqlite3
from pathlib import Path

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from kyros.infra.db.dialect import Line
from kyros.infra.db.errors import DatabaseFailed
from kyros.infra.db.threaded import ThreadedDatabase
from kyros.kernel.errors import DiskFull

_FULL_BYTES = 1_000_000


class SqliteDatabase(ThreadedDatabase):
    """SQLite in WAL mode, synchronous=FULL: what was acknowledged survives a power cut."""

    def __init__(self, path: Path) -> None:
        super().__init__(SqliteDialect(path))
        self.path = path


class SqliteDialect:
    """dialect.Dialect on a file."""

    begin_reading = "BEGIN"
    begin_writing = "BEGIN IMMEDIATE; SAVEPOINT one"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.engine = sqlite_engine(path)

    @property
    def name(self) -> str:
        return self.path.name

    def open_reader(self) -> Line:
        line = self.open_writer()
        self.run(line, "PRAGMA query_only=ON")
        return line

    def open_writer(self) -> Line:
        connection = self.engine.connect()
        return Line(connection, connection.connection.dbapi_connection)

    def run(self, line: Line, sql: str) -> None:
        for statement in sql.split("; "):
            line.raw.execute(statement)

    def check(self, line: Line) -> None:
        """A refused statement leaves the transaction as it was."""

    def in_transaction(self, line: Line) -> bool:
        return bool(line.raw.in_transaction)

    def is_lost(self, line: Line) -> bool:
        """A file is never lost on the way."""
        return False

    def announce(self, line: Line, topics: set[str]) -> None:
        """Other processes of the home hear of it over the bus."""

    def named(self, error: Exception) -> Exception:
        cause = error.orig if isinstance(error, DBAPIError) else error
        if not isinstance(cause, sqlite3.Error):
            return error
        found: Exception = DatabaseFailed(f"The database {self.name} refused the work: {cause}.")
        if _is_full(self.path, getattr(cause, "sqlite_errorcode", 0) & 0xFF):
            found = DiskFull(
                f"The disk that holds {self.path.parent} is full: free some space and try again; "
                "nothing acknowledged was lost."
            )
        found.__cause__ = error
        return found

    def close(self) -> None:
        self.engine.dispose()


def sqlite_engine(path: Path) -> Engine:
    """An engine whose connections begin no transaction of their own accord."""
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        isolation_level="AUTOCOMMIT",
        poolclass=NullPool,
        hide_parameters=True,  # values may be secrets, and errors are logged
        connect_args={"timeout": 30, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _: object) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-16000"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def _is_full(path: Path, code: int) -> bool:
    """Some writes on a full disk fail as FULL, some as plain I/O errors."""
    if code != sqlite3.SQLITE_IOERR:
        return code == sqlite3.SQLITE_FULL
    try:
        return shutil.disk_usage(path.parent).free < _FULL_BYTES
    except OSError:
        return False
