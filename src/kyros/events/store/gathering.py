"""Appends that come at one moment, written together: one statement instead of one for each."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from kyros.events.store.rows import Row, insert
from kyros.infra.db import Database
from kyros.kernel.clock import Clock


@dataclass(frozen=True)
class _Waiting:
    rows: Sequence[Row]
    numbers: "asyncio.Future[list[int]]"


class Gathering:
    """What is put in one turn of the loop shares a write. All of it is durable, or nobody is answered."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._waiting: list[_Waiting] = []
        self._writing: set[asyncio.Task[None]] = set()

    async def put(self, rows: Sequence[Row]) -> list[int]:
        """The rows' numbers once they are durable. A caller that is cancelled may find them there."""
        mine = _Waiting(rows, asyncio.get_running_loop().create_future())
        self._waiting.append(mine)
        if len(self._waiting) == 1:
            task = asyncio.create_task(self._write(), name="append events")
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)
        return await mine.numbers

    async def _write(self) -> None:
        together, self._waiting = self._waiting, []
        rows = [row for one in together for row in one.rows]

        def work(connection: Connection) -> list[int]:
            return insert(connection, self._clock(), rows)

        try:
            numbers = iter(await self._database.write(work))
        except BaseException as error:
            for one in together:
                if not one.numbers.done():
                    one.numbers.set_exception(error)
            if not isinstance(error, Exception):
                raise
            return
        for one in together:
            mine = [next(numbers) for _ in one.rows]
            if not one.numbers.done():
                one.numbers.set_result(mine)
