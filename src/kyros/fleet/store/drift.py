"""Findings of the reconciler in the database, and turns that nobody will end any more."""

from collections.abc import Sequence

from sqlalchemy import Column, Connection, String, Table, Text, select

from kyros.events.model import NewEvent
from kyros.events.ports import Outbox
from kyros.fleet.model import Finding
from kyros.fleet.store.turns import cut_off_in, turns
from kyros.infra.db import Database, metadata

drift = Table(
    "drift",
    metadata,
    Column("kind", String, primary_key=True),
    Column("subject", String, primary_key=True),
    Column("note", Text, nullable=False),
    Column("project_id", String),
    Column("found_at", String, nullable=False),
)


class SqlDrift:
    """ports.Drift over SQL."""

    def __init__(self, database: Database, outbox: Outbox) -> None:
        self._database = database
        self._outbox = outbox

    async def settle(self, findings: Sequence[Finding], at: str) -> None:
        now = {(one.kind, one.subject): one for one in findings}
        known = {(one.kind, one.subject) for one in await self.all()}
        if now.keys() == known:
            return

        def work(connection: Connection) -> None:
            for kind, subject in known - now.keys():
                which = (drift.c.kind == kind, drift.c.subject == subject)
                connection.execute(drift.delete().where(*which))
            for one in (now[key] for key in now.keys() - known):
                values = {"kind": one.kind, "subject": one.subject, "note": one.note}
                details = {**values, "project_id": one.project_id}
                connection.execute(drift.insert().values(**details, found_at=at))
                self._outbox.append_in(connection, [NewEvent("drift_found", "kyros", one.subject, details)])

        await self._database.write(work)

    async def all(self) -> Sequence[Finding]:
        query = select(drift).order_by(drift.c.found_at, drift.c.kind, drift.c.subject)
        return await self._database.read(
            lambda connection: [Finding(**dict(row._mapping)) for row in connection.execute(query)]
        )

    async def open_turns(self) -> Sequence[tuple[str, str]]:
        query = select(turns.c.id, turns.c.run_id).where(turns.c.ended_at.is_(None)).order_by(turns.c.id)
        return await self._database.read(lambda c: [(row.id, row.run_id) for row in c.execute(query)])

    async def close_turn(self, turn_id: str, at: str) -> None:
        await self._database.write(lambda c: cut_off_in(c, self._outbox, turns.c.id == turn_id, at))
