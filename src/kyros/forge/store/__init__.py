"""The built-in forge's rows in the database, each write with its event in the same transaction."""

from kyros.events.ports import Outbox
from kyros.forge.store.projects import SqlProjectStore
from kyros.forge.store.pulls import SqlPullStore
from kyros.infra.db import Database
from kyros.kernel.clock import Clock


class SqlForgeStore(SqlProjectStore, SqlPullStore):
    """ports.ForgeStore over SQL."""

    def __init__(self, database: Database, outbox: Outbox, clock: Clock) -> None:
        SqlProjectStore.__init__(self, database, outbox, clock)
        SqlPullStore.__init__(self, database, outbox, clock)


__all__ = ["SqlForgeStore"]
