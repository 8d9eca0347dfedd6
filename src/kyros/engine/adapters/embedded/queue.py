"""The embedded queue: jobs are rows, so a job and the state it serves commit together."""

import asyncio
from collections.abc import Mapping
from itertools import count
from typing import Any

from kyros.engine.adapters.embedded import table
from kyros.engine.adapters.embedded.rounds import Worker
from kyros.engine.adapters.embedded.serving import Serving
from kyros.engine.model import NewJob
from kyros.engine.ports import Handler
from kyros.infra.db import Database, touch

TOPIC = "jobs"
"""Touched by every commit that enqueues; whoever hears of it calls `wake`."""


class EmbeddedQueue:
    """The Queue port over `engine_jobs`. Who only enqueues never serves, but has a name all the same."""

    def __init__(self, database: Database, worker: Worker) -> None:
        self._database, self._worker = database, worker
        self._bells: set[asyncio.Event] = set()
        self._calls = count(1)

    def enqueue_in(self, transaction: Any, job: NewJob) -> None:
        table.enqueue(transaction, job, self._worker.now())
        touch(transaction, TOPIC)

    async def enqueue(self, job: NewJob) -> None:
        await self._database.write(lambda connection: self.enqueue_in(connection, job))

    async def depth(self) -> int:
        return await self._database.read(table.depth)

    def wake(self) -> None:
        """Look for work now. Called on the event loop: after a local commit, or on another's nudge."""
        for bell in self._bells:
            bell.set()

    async def serve(self, handlers: Mapping[str, Handler], slots: int) -> None:
        bell = asyncio.Event()
        owner = f"{self._worker.name}/{self._worker.boot}/{next(self._calls)}"
        self._bells.add(bell)
        try:
            await Serving(self._database, self._worker, owner, handlers, slots, bell).run()
        finally:
            self._bells.discard(bell)
