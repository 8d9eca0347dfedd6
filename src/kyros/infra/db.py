"""One database, two verbs: read and write. Decides how bytes reach the disk, not what they mean.

Writes of a process go through one thread that shares a transaction among all callers waiting at
that moment (group commit); each caller has a savepoint of its own, so one refusal harms nobody.
"""

import asyncio
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from traceback import clear_frames
from typing import Any, TypeVar, cast

from sqlalchemy import URL, Connection, Engine, MetaData, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from kyros.kernel.errors import DiskFull, KyrosError, Upstream

T = TypeVar("T")
Work = Callable[[Connection], T]

metadata = MetaData()
"""Every room's tables hang here; Alembic compares it with the migrations."""

_BATCH = 256
_READERS = 4
_FULL_BYTES = 1_000_000


class DatabaseFailed(Upstream):
    code = "database_failed"


class DatabaseClosed(Upstream):
    code = "database_closed"


@dataclass(slots=True)
class _Waiting:
    work: Work[Any]
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[Any]"
    result: Any = None
    error: BaseException | None = None


def touch(connection: Connection, topic: str) -> None:
    """Announce `topic` to the listener once the running transaction is on the disk."""
    connection.info.setdefault("topics", set()).add(topic)


class SqliteDatabase:
    """SQLite in WAL mode, synchronous=FULL: what was acknowledged survives a power cut."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.listener: Callable[[Iterable[str]], None] = lambda topics: None
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._closing = threading.Lock()
        self._closed = False
        self._local = threading.local()
        self._open_readers: list[Connection] = []
        self._engine = open_engine(path)
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="db-read")
        self._writer = threading.Thread(target=self._write_forever, name="db-write", daemon=True)
        self._writer.start()

    async def read(self, work: Work[T]) -> T:
        """Run `work` on a reader's connection, on one state of the database; a write in it is refused."""
        with self._closing:
            self._check_open()
            reading = asyncio.get_running_loop().run_in_executor(
                self._readers, lambda: translated(self.path, lambda: self._run_reader(work))
            )
        return await reading

    async def write(self, work: Work[T]) -> T:
        """Run `work` in a transaction; when this returns, it is durable. Raises what `work` raises.

        A caller that is cancelled while it waits may find its work done all the same.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        with self._closing:
            self._check_open()
            self._queue.put(_Waiting(work, loop, future))
        return await future

    def close(self) -> None:
        """Finish what waits, then close every connection. Closing twice is fine."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._queue.put(None)
        self._writer.join()
        self._readers.shutdown(wait=True)
        for connection in self._open_readers:
            connection.close()
        self._engine.dispose()

    def _check_open(self) -> None:
        if self._closed:
            raise DatabaseClosed(f"The database {self.path.name} is closed: Kyros is stopping.")

    def _run_reader(self, work: Work[T]) -> T:
        connection = self._reader()
        raw = driver(connection)
        raw.execute("BEGIN")
        try:
            return work(connection)
        finally:
            if raw.in_transaction:
                raw.execute("COMMIT")

    def _reader(self) -> Connection:
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._engine.connect()
            driver(connection).execute("PRAGMA query_only=ON")
            self._open_readers.append(connection)
        return connection

    def _write_forever(self) -> None:
        with ExitStack() as stack:
            connection: Connection | None = None
            last = False
            while not last:
                batch, last = self._next_batch()
                # Opened at the first write: what it knows of the schema is then as new as the migrations.
                if batch and connection is None:
                    connection = self._open_writer(stack, batch)
                if batch and connection is not None:
                    self._commit(connection, batch)

    def _open_writer(self, stack: ExitStack, batch: list[_Waiting]) -> Connection | None:
        try:
            return translated(self.path, lambda: stack.enter_context(self._engine.connect()))
        except Exception as error:
            for waiting in batch:
                waiting.error = error
            self._tell(batch, set())
            return None

    def _next_batch(self) -> tuple[list[_Waiting], bool]:
        first = self._queue.get()
        batch: list[_Waiting] = []
        while first is not None:
            batch.append(first)
            if self._queue.empty() or len(batch) == _BATCH:
                return batch, False
            first = self._queue.get()
        return batch, True

    def _commit(self, connection: Connection, batch: list[_Waiting]) -> None:
        connection.info["topics"] = set()
        try:
            translated(self.path, lambda: self._run_all(connection, batch))
        except BaseException as error:  # the whole transaction is gone: everybody hears why
            for waiting in batch:
                waiting.error = waiting.error or error
            _rollback(connection)
        self._tell(batch, set(connection.info["topics"]))

    def _tell(self, batch: list[_Waiting], topics: set[str]) -> None:
        for loop in {waiting.loop for waiting in batch}:
            mine = [waiting for waiting in batch if waiting.loop is loop]
            with suppress(RuntimeError):  # the loop closed while we wrote: nobody is left to be told
                loop.call_soon_threadsafe(_answer, mine, self.listener, topics)

    def _run_all(self, connection: Connection, batch: list[_Waiting]) -> None:
        raw = driver(connection)
        raw.execute("BEGIN IMMEDIATE")
        for waiting in batch:
            topics = set(connection.info["topics"])
            raw.execute("SAVEPOINT one")
            try:
                waiting.result = waiting.work(connection)
            except Exception as error:
                if not raw.in_transaction:  # SQLite itself took everything back: a full disk does that
                    raise
                clear_frames(error.__traceback__)  # rows left unread hold a statement, it the savepoint
                raw.execute("ROLLBACK TO one")
                connection.info["topics"] = topics
                waiting.error = named(self.path, error)
            raw.execute("RELEASE one")
        raw.execute("COMMIT")


def driver(connection: Connection) -> sqlite3.Connection:
    """The sqlite3 connection underneath."""
    return cast(sqlite3.Connection, connection.connection.dbapi_connection)


def open_engine(path: Path) -> Engine:
    """An engine whose connections begin no transaction of their own accord."""
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        isolation_level="AUTOCOMMIT",
        poolclass=NullPool,
        connect_args={"timeout": 30, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _: object) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-16000"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def translated(path: Path, work: Callable[[], T]) -> T:
    """Run `work`, naming the driver's errors in the kernel's words."""
    try:
        return work()
    except (DBAPIError, sqlite3.Error) as error:
        raise named(path, error) from error


def named(path: Path, error: Exception) -> Exception:
    """The kernel's error for a driver's; any other error as it is."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(cause, sqlite3.Error):
        return error
    found: KyrosError = DatabaseFailed(f"The database {path.name} refused the work: {cause}.")
    if _is_full(path, getattr(cause, "sqlite_errorcode", 0) & 0xFF):
        found = DiskFull(
            f"The disk that holds {path.parent} is full: free some space and try again; "
            "nothing acknowledged was lost."
        )
    found.__cause__ = error
    return found


def _is_full(path: Path, code: int) -> bool:
    """Some writes on a full disk fail as FULL, some as plain I/O errors."""
    if code != sqlite3.SQLITE_IOERR:
        return code == sqlite3.SQLITE_FULL
    try:
        return shutil.disk_usage(path.parent).free < _FULL_BYTES
    except OSError:
        return False


def _rollback(connection: Connection) -> None:
    connection.info["topics"] = set()
    with suppress(sqlite3.Error):  # no transaction may be open: nothing to take back then
        driver(connection).execute("ROLLBACK")


def _answer(batch: list[_Waiting], listener: Callable[[Iterable[str]], None], topics: set[str]) -> None:
    for waiting in batch:
        if waiting.future.cancelled():
            continue
        if waiting.error is not None:
            waiting.future.set_exception(waiting.error)
        else:
            waiting.future.set_result(waiting.result)
    if topics:
        listener(topics)
