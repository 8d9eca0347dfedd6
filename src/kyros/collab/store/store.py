"""The collab store over a database: each transaction of it is a board."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from kyros.collab.model import Task
from kyros.collab.ports import Board, View
from kyros.collab.store.board import SqlBoard, SqlView
from kyros.events.ports import Outbox
from kyros.infra.db import Database
from kyros.kernel.clock import Clock, utc_now

T = TypeVar("T")


class SqlCollabStore:
    """ports.CollabStore on SQLite and PostgreSQL. The clock is read inside each transaction, so that a write
    that waited its turn never judges by an old time."""

    def __init__(self, database: Database, outbox: Outbox, now: Clock = utc_now) -> None:
        self._database = database
        self._outbox = outbox
        self._now = now

    async def read(self, work: Callable[[View], T]) -> T:
        return await self._database.read(lambda connection: work(SqlView(connection, self._now())))

    async def write(self, work: Callable[[Board], T]) -> T:
        return await self._database.write(lambda connection: work(self.board(connection)))

    def board(self, transaction: Any) -> Board:
        return SqlBoard(transaction, self._outbox, self._now())

    def tasks_since(self, view: View, number: int) -> Sequence[Task]:
        """Those written after the collection's revision `number`, in that order, on a view of this store.
        Nothing is lost between two looks: tasks are never deleted."""
        assert isinstance(view, SqlView), "a view of this very store"
        return view.tasks_since(number)
