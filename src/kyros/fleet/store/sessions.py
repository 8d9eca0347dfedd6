"""Sessions of the pool in the database. (`sessions` are those of people who signed in.)"""

from collections.abc import Collection, Sequence
from dataclasses import asdict, replace

from sqlalchemy import Column, Connection, Index, Integer, Row, String, Table, Text, select, text

from kyros.drivers.model import Tier
from kyros.events.model import NewEvent
from kyros.events.ports import Outbox
from kyros.fleet.model import SessionRow, Standing
from kyros.infra.db import Database, metadata

_LIVE = text("ended_at IS NULL")

agent_sessions = Table(
    "agent_sessions",
    metadata,
    Column("id", String, primary_key=True),
    Column("profile", String, nullable=False),
    Column("tier", String, nullable=False),
    Column("project_id", String),
    Column("worker", String, nullable=False),
    Column("host", String, nullable=False),
    Column("standing", String, nullable=False),
    Column("folder", Text, nullable=False),
    Column("current_task", String),
    Column("started_at", String, nullable=False),
    Column("used_at", String, nullable=False),
    Column("ready_at", String),
    Column("restarts", Integer, nullable=False),
    Column("ended_at", String),
    Column("why", Text, nullable=False),
    Column("stop_asked", Integer, nullable=False),
    Index("ix_agent_sessions_live", "id", sqlite_where=_LIVE, postgresql_where=_LIVE),
)
_T = agent_sessions.c


class SqlSessions:
    """ports.Sessions over SQL."""

    def __init__(self, database: Database, outbox: Outbox) -> None:
        self._database = database
        self._outbox = outbox

    async def add(self, row: SessionRow) -> None:
        def work(connection: Connection) -> None:
            connection.execute(agent_sessions.insert().values(**_values(row)))
            self._outbox.append_in(connection, [NewEvent("session_started", "kyros", row.id, row.facts())])

        await self._database.write(work)

    async def put(self, row: SessionRow) -> None:
        await self._database.write(lambda connection: self._put(connection, row))

    async def live(self) -> Sequence[SessionRow]:
        query = select(agent_sessions).where(_T.ended_at.is_(None)).order_by(_T.id)
        return await self._database.read(lambda c: [_row_of(row) for row in c.execute(query)])

    async def of_task(self, task_id: str) -> Sequence[str]:
        query = select(_T.id).where(_T.ended_at.is_(None), _T.current_task == task_id).order_by(_T.id)
        return await self._database.read(lambda connection: list(connection.scalars(query)))

    async def ended(self, session_ids: Collection[str]) -> Collection[str]:
        query = select(_T.id).where(_T.ended_at.is_(None), _T.id.in_(session_ids))
        live = await self._database.read(lambda connection: set(connection.scalars(query)))
        return {one for one in session_ids if one not in live}

    async def ask_stop_all(self) -> None:
        query = agent_sessions.update().where(_T.ended_at.is_(None)).values(stop_asked=1)
        await self._database.write(lambda connection: connection.execute(query))

    async def end(self, session_id: str, why: str, at: str) -> None:
        def work(connection: Connection) -> None:
            found = connection.execute(select(agent_sessions).where(_T.id == session_id)).first()
            if found is not None:
                row = _row_of(found)
                self._put(connection, replace(row, standing=Standing.ENDED, ended_at=at, why=why))

        await self._database.write(work)

    async def prune(self, keep: int) -> int:
        oldest = (
            select(_T.id).where(_T.ended_at.is_not(None)).order_by(_T.id.desc()).offset(keep).limit(1_000)
        )

        def work(connection: Connection) -> int:
            old = list(connection.scalars(oldest))
            if old:
                connection.execute(agent_sessions.delete().where(_T.id.in_(old)))
            return len(old)

        return await self._database.write(work)

    def _put(self, connection: Connection, row: SessionRow) -> None:
        values = _values(row)
        del values["stop_asked"]
        query = agent_sessions.update().where(_T.id == row.id, _T.ended_at.is_(None)).values(**values)
        if connection.execute(query).rowcount and row.ended_at is not None:
            details = {**row.facts(), "why": row.why}
            self._outbox.append_in(connection, [NewEvent("session_ended", "kyros", row.id, details)])


def _values(row: SessionRow) -> dict[str, object]:
    return asdict(row) | {"stop_asked": int(row.stop_asked)}


def _row_of(row: Row[tuple[object, ...]]) -> SessionRow:
    values = dict(row._mapping)
    return SessionRow(
        **values
        | {
            "tier": Tier(row.tier),
            "standing": Standing(row.standing),
            "stop_asked": bool(row.stop_asked),
        }
    )
