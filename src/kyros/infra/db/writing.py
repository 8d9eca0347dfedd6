"""The one thread that writes: whatever waits shares a transaction, and is answered after its commit."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from traceback import clear_frames
from typing import Any

from kyros.infra.db.dialect import Dialect, Kept, Line
from kyros.infra.db.errors import DatabaseUnsure
from kyros.infra.db.verbs import Listener, Work

_BATCH = 256
_NEXT = "RELEASE SAVEPOINT one; SAVEPOINT one"


@dataclass(slots=True)
class Waiting:
    """A caller: what they want done, and where they wait for the answer."""

    work: Work[Any]
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[Any]"
    result: Any = None
    error: BaseException | None = None


class Writer:
    """`listener` is asked for anew with each commit: it may be set late."""

    def __init__(self, dialect: Dialect, listener: Callable[[], Listener]) -> None:
        self._dialect, self._listener = dialect, listener
        self._kept = Kept(dialect, dialect.open_writer)
        self._queue: SimpleQueue[Waiting | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._write_forever, name="db-write", daemon=True)
        self._thread.start()

    def put(self, waiting: Waiting) -> None:
        self._queue.put(waiting)

    def finish(self) -> None:
        """Carry out what waits, then end."""
        self._queue.put(None)
        self._thread.join()

    def _write_forever(self) -> None:
        last = False
        while not last:
            batch, last = self._next_batch()
            if batch:
                self._tell(batch, self._commit(batch))
        self._kept.close()

    def _next_batch(self) -> tuple[list[Waiting], bool]:
        first = self._queue.get()
        batch: list[Waiting] = []
        while first is not None:
            batch.append(first)
            if self._queue.empty() or len(batch) == _BATCH:
                return batch, False
            first = self._queue.get()
        return batch, True

    def _commit(self, batch: list[Waiting]) -> set[str]:
        """Every caller's work and one commit; the topics to announce. Never raises."""
        sent = False
        try:
            line = self._kept.begin(self._dialect.begin_writing)
            topics = self._run_all(line, batch)
            sent = True
            self._dialect.run(line, "COMMIT")
            return topics
        except BaseException as error:  # the whole transaction is gone: everybody hears why
            why = self._unsure(error) if sent and self._kept.is_lost else self._named(error)
            for waiting in batch:
                waiting.error = waiting.error or why
            self._kept.end("ROLLBACK")
            return set()

    def _unsure(self, error: BaseException) -> DatabaseUnsure:
        unsure = DatabaseUnsure(
            f"The connection to the database {self._dialect.name} broke during the commit: the work may "
            "have been done, or not. Look, or send it again under the same Idempotency-Key."
        )
        unsure.__cause__ = error
        return unsure

    def _named(self, error: BaseException) -> BaseException:
        return self._dialect.named(error) if isinstance(error, Exception) else error

    def _run_all(self, line: Line, batch: list[Waiting]) -> set[str]:
        """Each in a savepoint of its own; the first one's came with the transaction."""
        topics: set[str] = set()
        for waiting in batch:
            if waiting is not batch[0]:
                self._dialect.run(line, _NEXT)
            topics |= self._run_one(line, waiting)
        self._dialect.announce(line, topics)
        return topics

    def _run_one(self, line: Line, waiting: Waiting) -> set[str]:
        """A refusal is the caller's alone. The topics touched."""
        topics: set[str] = set()
        line.connection.info["topics"] = topics
        try:
            waiting.result = waiting.work(line.connection)
            self._dialect.check(line)
            return topics
        except Exception as error:
            if not self._dialect.in_transaction(line):  # the database took everything back: a full disk does
                raise
            clear_frames(error.__traceback__)  # rows left unread hold a statement, it the savepoint
            self._dialect.run(line, "ROLLBACK TO SAVEPOINT one")
            waiting.error = self._named(error)
            return set()

    def _tell(self, batch: list[Waiting], topics: set[str]) -> None:
        listener = self._listener()
        for loop in {waiting.loop for waiting in batch}:
            mine = [waiting for waiting in batch if waiting.loop is loop]
            with suppress(RuntimeError):  # the loop closed while we wrote: nobody is left to be told
                loop.call_soon_threadsafe(_answer, mine, listener, topics)


def _answer(batch: list[Waiting], listener: Listener, topics: set[str]) -> None:
    for waiting in batch:
        if waiting.future.cancelled():
            continue
        if waiting.error is not None:
            waiting.future.set_exception(waiting.error)
        else:
            waiting.future.set_result(waiting.result)
    if topics:
        listener(topics)
