"""The log as a table: appended inside anybody's transaction, read by number.

Writers of a database commit one after the other in every process, so numbers are committed in order: who
has read up to N never misses one below N. Each event takes the number after the newest one's, so there is
no gap either, whatever is taken back.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from sqlalchemy import Connection, select

from kyros.events.model import Event, EventFilter, NewEvent
from kyros.events.ports import Follower
from kyros.events.store.gathering import Gathering
from kyros.events.store.live import Live
from kyros.events.store.queries import conditions, page_query
from kyros.events.store.rows import events_of, insert, row_of
from kyros.events.store.tables import events
from kyros.infra import answers
from kyros.infra.db import Database, swiftly
from kyros.kernel.answers import Answer, Once
from kyros.kernel.clock import Clock, utc_now

_FIRST = "SELECT coalesce(min(id), 1) FROM events"
_LAST = "SELECT coalesce(max(id), 0) FROM events"
_FORGET = "DELETE FROM events WHERE id < ? AND id <= ? AND id < (SELECT max(id) FROM events)"


class SqlEventLog:
    """The EventLog port. Hand `wake` to whoever hears of commits, here and in other processes; without
    it a tail is up to a second late."""

    def __init__(self, database: Database, *, clock: Clock = utc_now) -> None:
        self._database, self._clock = database, clock
        self._live = Live(self._look, self.last_id)
        self._gathering = Gathering(database, clock)

    def append_in(self, transaction: Any, events: Sequence[NewEvent]) -> None:
        insert(transaction, self._clock(), [row_of(event) for event in events])

    async def append(self, *events: NewEvent) -> list[int]:
        return await self._gathering.put([row_of(event) for event in events]) if events else []

    async def append_once(self, event: NewEvent, once: Once, answer: Callable[[int], Answer]) -> Answer:
        row = row_of(event)

        def work(connection: Connection) -> Answer:
            if (known := answers.recall(connection, once)) is not None:
                return known
            (number,) = insert(connection, self._clock(), [row])
            given = answer(number)
            answers.remember(connection, once, given, self._clock())
            return given

        return await self._database.write(work)

    async def page(self, after: int, limit: int, match: EventFilter) -> list[Event]:
        query = page_query(after, limit, match)
        return await self._database.read(lambda connection: events_of(connection.execute(query)))

    async def pick(self, ids: Sequence[int], match: EventFilter) -> list[Event]:
        query = select(events).where(events.c.id.in_(ids), *conditions(match)).order_by(events.c.id)
        return await self._database.read(lambda connection: events_of(connection.execute(query)))

    async def last_id(self) -> int:
        return await self._database.read(lambda connection: swiftly(connection, _LAST).value())

    async def first_id(self) -> int:
        return await self._database.read(lambda connection: swiftly(connection, _FIRST).value())

    async def forget(self, up_to: int, limit: int) -> int:
        def work(connection: Connection) -> int:
            first = swiftly(connection, _FIRST).value()
            return swiftly(connection, _FORGET, (first + limit, up_to)).count

        return await self._database.write(work)

    def tail(self, after: int, match: EventFilter) -> AsyncGenerator[Event, None]:
        return self._live.tail(after, match)

    def follow(self, after: int, match: EventFilter) -> AbstractAsyncContextManager[Follower]:
        return self._live.follow(after, match)

    def hang_up(self) -> None:
        self._live.hang_up()

    def wake(self) -> None:
        """Something was committed: look now."""
        self._live.wake()

    async def _look(self, after: int, limit: int, match: EventFilter) -> tuple[int, list[Event]]:
        query = page_query(after, limit, match)

        def work(connection: Connection) -> tuple[int, list[Event]]:
            return swiftly(connection, _FIRST).value(), events_of(connection.execute(query))

        return await self._database.read(work)
