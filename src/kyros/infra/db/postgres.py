"""PostgreSQL: a server somewhere, its sessions and its ways to fail.

Every write transaction of every process takes one advisory lock first, and gives it up when it is
committed and seen: writes of an installation come one after the other, as on SQLite. Rules that read,
check and write need no row locks, and numbers are committed in order.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.types.string import StrDumperUnknown
from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from kyros.infra.db.dialect import Line
from kyros.infra.db.errors import DatabaseBusy, DatabaseFailed
from kyros.infra.db.listening import CHANNEL, Listening
from kyros.infra.db.place import PostgresPlace
from kyros.infra.db.threaded import ThreadedDatabase
from kyros.infra.db.verbs import Work
from kyros.kernel.errors import DiskFull, KyrosError

T = TypeVar("T")
WRITE_LOCK = int.from_bytes(b"kyros", "big")
"""The advisory lock of all who write, migrations among them."""
TAKE_WRITE_LOCK = f"SELECT pg_advisory_xact_lock({WRITE_LOCK})"
SORT_BY_BYTES = """
DO $$
DECLARE it record;
BEGIN
  FOR it IN SELECT c.oid::regclass AS named, a.attname, format_type(a.atttypid, a.atttypmod) AS kind
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND NOT a.attisdropped
      AND a.attcollation = 'pg_catalog."default"'::regcollation
  LOOP
    EXECUTE format('ALTER TABLE %s ALTER %I TYPE %s COLLATE "C"', it.named, it.attname, it.kind);
  END LOOP;
END $$
"""
"""Text sorts as on SQLite, whatever language the server was set up in: ids, names and times are compared."""

_SESSION = {
    "synchronous_commit": "on",
    "lock_timeout": "15s",
    "idle_in_transaction_session_timeout": "10s",
    "statement_timeout": "60s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
"""A writer that hangs with the lock is ended by the server before those who wait for it give up."""
_ALIVE = {
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
"""A machine that fell silent is noticed within half a minute, not within hours."""


class PostgresDatabase(ThreadedDatabase):
    """PostgreSQL over psycopg; what was acknowledged survives the server's power cut."""

    def __init__(self, place: PostgresPlace) -> None:
        dialect = PostgresDialect(place)
        super().__init__(dialect)
        self._listening = Listening(
            dialect.connect, lambda: dialect.writer_pid, lambda topics: self.listener(topics)
        )

    async def read(self, work: Work[T]) -> T:
        self._listening.tell_on(asyncio.get_running_loop())
        return await super().read(work)

    async def write(self, work: Work[T]) -> T:
        self._listening.tell_on(asyncio.get_running_loop())
        return await super().write(work)

    def close(self) -> None:
        super().close()
        self._listening.close()


class PostgresDialect:
    """dialect.Dialect on a server."""

    begin_reading = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    # Each statement sees what was committed before it, hence all that happened before we had the lock.
    begin_writing = f"BEGIN ISOLATION LEVEL READ COMMITTED; {TAKE_WRITE_LOCK}; SAVEPOINT one"

    def __init__(self, place: PostgresPlace) -> None:
        self.name = place.name
        self.engine = postgres_engine(place)
        self.writer_pid: int | None = None

    def connect(self) -> "psycopg.Connection[Any]":
        """A session outside SQLAlchemy's."""
        _, session = self.engine.dialect.create_connect_args(self.engine.url)
        return psycopg.connect(**{**session, "autocommit": True})

    def open_reader(self) -> Line:
        connection = self.engine.connect()
        return Line(connection, connection.connection.dbapi_connection)

    def open_writer(self) -> Line:
        line = self.open_reader()
        self.writer_pid = line.raw.info.backend_pid
        return line

    def run(self, line: Line, sql: str) -> None:
        line.raw.execute(sql, prepare=False)

    def check(self, line: Line) -> None:
        if _status(line) is TransactionStatus.INERROR:
            raise psycopg.errors.InFailedSqlTransaction("a refused statement takes its whole work with it")

    def in_transaction(self, line: Line) -> bool:
        return _status(line) in (TransactionStatus.INTRANS, TransactionStatus.INERROR)

    def is_lost(self, line: Line) -> bool:
        """Closed, or the server never said that it was done with the last statement."""
        return _status(line) in (TransactionStatus.UNKNOWN, TransactionStatus.ACTIVE)

    def announce(self, line: Line, topics: set[str]) -> None:
        if not topics:
            line.raw.pgconn.consume_input()  # the last words of a server that ended us, if any
            line.raw.pgconn.consume_input()  # that it left: broken before the commit leaves no doubt
            return
        told = "SELECT pg_notify(%s, topic) FROM unnest(%s::text[]) AS topic"
        line.raw.execute(told, (CHANNEL, sorted(topics)))

    def named(self, error: Exception) -> Exception:
        return named(self.name, error)

    def close(self) -> None:
        self.engine.dispose()


@contextmanager
def naming_errors(place: PostgresPlace) -> Iterator[None]:
    """Around work on a connection of its own: the driver's errors in the kernel's words."""
    try:
        yield
    except (DBAPIError, psycopg.Error) as error:
        raise named(place.name, error) from error


def named(name: str, error: Exception) -> Exception:
    """The kernel's error for a driver's; any other error as it is."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(cause, psycopg.Error):
        return error
    found = _named(name, cause)
    found.__cause__ = error
    return found


def _named(name: str, cause: psycopg.Error) -> KyrosError:
    if isinstance(cause, psycopg.errors.DiskFull):
        return DiskFull(
            f"The disk of the database {name} is full: free some space and try again; "
            "nothing acknowledged was lost."
        )
    if isinstance(cause, psycopg.errors.LockNotAvailable):
        return DatabaseBusy(
            f"Another process has held the right to write to the database {name} for too long: "
            "nothing was done, try again; if it lasts, look for a Kyros that hangs."
        )
    said = cause.diag.message_primary or " ".join(str(cause).split()) or "the connection was lost"
    return DatabaseFailed(f"The database {name} refused the work: {said.rstrip('.')}.")


def postgres_engine(place: PostgresPlace) -> Engine:
    """An engine whose connections begin no transaction of their own accord."""
    engine = create_engine(
        _url(place),
        isolation_level="AUTOCOMMIT",
        poolclass=NullPool,
        hide_parameters=True,  # values may be secrets, and errors are logged
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: "psycopg.Connection[Any]", _: object) -> None:
        connection.adapters.register_dumper(str, _NoNul)

    return engine


def _url(place: PostgresPlace) -> URL:
    """With our ways of a session; what the installation's URL says of them goes before."""
    given = place.url.query.get("options", "")
    ours = (f"-c {name}={value}" for name, value in _SESSION.items())
    options = " ".join((*ours, given if isinstance(given, str) else " ".join(given)))
    return place.url.set(query={**_ALIVE, **place.url.query, "options": options})


class _NoNul(StrDumperUnknown):
    """PostgreSQL's text holds no NUL, and output of programs may: the sign for "not a sign" stands there."""

    def dump(self, obj: str) -> Any:
        return super().dump(obj.replace("\x00", "\ufffd"))


def _status(line: Line) -> TransactionStatus:
    status: TransactionStatus = line.raw.info.transaction_status
    return status
