"""Which store a home uses, a fact in its database, and the way from one to the other."""

from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import Connection

from kyros.collab.errors import StateUnusable, StoreRefused
from kyros.collab.model import Kept, Kind, Which
from kyros.collab.ports import TakeEdit, View
from kyros.collab.store.files.folder import StateFolder
from kyros.collab.store.files.pages import Journal
from kyros.collab.store.files.sheet import sums
from kyros.collab.store.files.store import FileCollabStore
from kyros.collab.store.files.tables import fact, put_fact
from kyros.infra.db import Database, prepared
from kyros.kernel.clock import Clock, utc_now

_FACT = "store"


def chosen(connection: Connection) -> Which:
    """The home's store. Decided once: files for a new home on SQLite, rows alone for any other."""
    which = look(connection)
    if connection.dialect.name == "sqlite" and fact(connection, _FACT) is None:
        put_fact(connection, _FACT, which.value)
    return which


def look(connection: Connection) -> Which:
    """As `chosen`, deciding nothing yet."""
    if connection.dialect.name != "sqlite":
        return Which.SQL
    known = fact(connection, _FACT)
    if known is not None:
        return Which(known)
    return Which.SQL if prepared(connection, "SELECT 1 FROM tasks LIMIT 1").first() else Which.FILES


class Keeping:
    """The stores of a home whose Kyros is stopped. Killed anywhere in a move, the home has the one store or
    the other, whole, and the move can be made again."""

    def __init__(
        self, database: Database, journal: Journal, take: TakeEdit, folder: Path, now: Clock = utc_now
    ) -> None:
        self._database, self._journal, self._folder = database, journal, folder
        self._take, self._now = take, now

    async def look(self) -> Kept:
        which = await self._database.read(look)
        counts = await self._journal.read(lambda view: {kind: view.revision(kind).count for kind in Kind})
        return Kept(which, self._folder, counts)

    async def to_files(self) -> Kept:
        """Write everything, compare, then switch. Raises StoreRefused, StateUnusable."""
        await self._database.read(_check_sqlite)
        await self._agree()
        await self._switch(Which.FILES)
        return await self.look()

    async def to_sql(self) -> Kept:
        """Take or refuse what was edited by hand, compare, switch; the files are moved aside, kept for good.
        Raises StateUnusable."""
        if await self._database.read(look) is Which.FILES:
            await self._agree()
            await self._switch(Which.SQL)
        StateFolder(self._folder).move_aside(self._now())
        return await self.look()

    async def _switch(self, to: Which) -> None:
        await self._database.write(lambda connection: put_fact(connection, _FACT, to.value))

    async def _agree(self) -> None:
        """Bring files and rows to hold the same, item by item, and prove it by count and by the sum of the
        items' digests."""
        store = FileCollabStore(self._journal, self._folder, self._take, self._now)
        try:
            await store.open()
            if store.trouble is not None:
                raise StateUnusable(store.trouble, path=str(self._folder))
            self._compare(await self._journal.read(_sums_of_rows))
        finally:
            await store.close()

    def _compare(self, rows: Mapping[Kind, tuple[int, int]]) -> None:
        folder = StateFolder(self._folder)
        for kind, expected in rows.items():
            found = sums(kind, folder.read(kind))
            if found != expected:
                raise StateUnusable(
                    f"{folder.path(kind)} ({found[0]} items) and the database ({expected[0]}) do not agree: "
                    "nothing was switched.",
                    path=str(folder.path(kind)),
                )


def _check_sqlite(connection: Connection) -> None:
    if connection.dialect.name != "sqlite":
        raise StoreRefused(
            "State files need the home's own SQLite database: on PostgreSQL several machines write, "
            "and files would be on one of them only."
        )


def _sums_of_rows(view: View) -> dict[Kind, tuple[int, int]]:
    digests = {
        Kind.TASKS: [one.digest for one in view.all_tasks()],
        Kind.LOCKS: [one.digest for one in view.all_leases()],
        Kind.AGENTS: [one.digest for one in view.all_agents()],
    }
    return {kind: (len(found), sum(found) % 2**64) for kind, found in digests.items()}
