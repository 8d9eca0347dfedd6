"""The AuthStore port: a transaction of the database, seen as a ledger."""

from collections.abc import Callable
from typing import Any, TypeVar

from kyros.auth.ports import Ledger
from kyros.auth.store.ledger import TOPIC, SqlLedger
from kyros.events.ports import Outbox
from kyros.infra.db import Database
from kyros.kernel.clock import Clock, utc_now

__all__ = ["TOPIC", "SqlAuthStore"]

T = TypeVar("T")


class SqlAuthStore:
    """On SQLite and PostgreSQL alike."""

    def __init__(self, database: Database, outbox: Outbox, now: Clock = utc_now) -> None:
        self._database, self._outbox, self._now = database, outbox, now

    async def read(self, work: Callable[[Ledger], T]) -> T:
        return await self._database.read(lambda connection: work(self.ledger(connection)))

    async def write(self, work: Callable[[Ledger], T]) -> T:
        return await self._database.write(lambda connection: work(self.ledger(connection)))

    def ledger(self, transaction: Any) -> Ledger:
        return SqlLedger(transaction, self._outbox, self._now())
