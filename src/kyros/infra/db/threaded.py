"""The two verbs over threads: one that writes, a few that read."""

import asyncio
import threading
from typing import TypeVar

from kyros.infra.db.dialect import Dialect
from kyros.infra.db.errors import DatabaseClosed
from kyros.infra.db.reading import Readers
from kyros.infra.db.verbs import Listener, Work
from kyros.infra.db.writing import Waiting, Writer

T = TypeVar("T")


class ThreadedDatabase:
    """What SqliteDatabase and PostgresDatabase have in common, which is nearly all."""

    def __init__(self, dialect: Dialect) -> None:
        self.listener: Listener = lambda topics: None
        self._dialect = dialect
        self._engine = dialect.engine
        self._closing = threading.Lock()
        self._closed = False
        self._readers = Readers(dialect)
        self._writer = Writer(dialect, lambda: self.listener)

    async def read(self, work: Work[T]) -> T:
        """Run `work` on a reader's connection, on one state of the database; a write in it is refused."""
        with self._closing:
            self._check_open()
            reading = self._readers.run(work)
        return await reading

    async def write(self, work: Work[T]) -> T:
        """Run `work` in a transaction; when this returns, it is durable. Raises what `work` raises.

        A caller that is cancelled while it waits may find its work done all the same.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        with self._closing:
            self._check_open()
            self._writer.put(Waiting(work, loop, future))
        return await future

    def close(self) -> None:
        """Finish what waits, then close every connection. Closing twice is fine."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
        self._writer.finish()
        self._readers.finish()
        self._dialect.close()

    def _check_open(self) -> None:
        if self._closed:
            raise DatabaseClosed(f"The database {self._dialect.name} is closed: Kyros is stopping.")
