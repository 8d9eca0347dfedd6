"""The few threads that read, each on a connection of its own."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

from kyros.infra.db.dialect import Dialect, Kept
from kyros.infra.db.verbs import T, Work

_READERS = 4


class Readers:
    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._threads = ThreadPoolExecutor(_READERS, thread_name_prefix="db-read")
        self._own = threading.local()
        self._all: list[Kept] = []

    def run(self, work: Work[T]) -> "asyncio.Future[T]":
        return asyncio.get_running_loop().run_in_executor(self._threads, self._read, work)

    def finish(self) -> None:
        """Carry out what waits, then close the connections."""
        self._threads.shutdown(wait=True)
        for kept in self._all:
            kept.close()

    def _read(self, work: Work[T]) -> T:
        kept = self._kept()
        try:
            return work(kept.begin(self._dialect.begin_reading).connection)
        except Exception as error:
            named = self._dialect.named(error)
            if named is error:
                raise
            raise named from error
        finally:
            kept.end("COMMIT")

    def _kept(self) -> Kept:
        kept: Kept | None = getattr(self._own, "kept", None)
        if kept is None:
            kept = self._own.kept = Kept(self._dialect, self._dialect.open_reader)
            self._all.append(kept)
        return kept
