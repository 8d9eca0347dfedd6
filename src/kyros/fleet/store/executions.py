"""Executions in the database: each with the job that carries it out."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

from sqlalchemy import Column, Connection, Index, Integer, Row, String, Table, Text, func, select, text

from kyros.engine.model import NewJob
from kyros.engine.ports import Queue
from kyros.events.model import NewEvent
from kyros.events.ports import Outbox
from kyros.fleet.errors import ExecutionNotFound, PoolBusy
from kyros.fleet.model import EXECUTION_MOVES, OUTPUT_SIGNS, Execution, ExecutionState
from kyros.fleet.model.pool import RETRY_SECONDS
from kyros.infra.db import Database, metadata, touch

TOPIC = "executions"
"""Touched when one has ended or begun; whoever hears of it wakes those who wait for it."""

_OPEN = text("ended_at IS NULL")

executions = Table(
    "executions",
    metadata,
    Column("id", String, primary_key=True),
    Column("profile", String, nullable=False),
    Column("prompt", Text, nullable=False),
    Column("folder", Text),
    Column("timeout_ms", Integer, nullable=False),
    Column("queue_ms", Integer, nullable=False),
    Column("asked_by", String, nullable=False),
    Column("asked_at", String, nullable=False),
    Column("state", String, nullable=False),
    Column("turn_id", String),
    Column("output", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("ended_at", String),
    Column("stop_asked", Integer, nullable=False),
    Index("ix_executions_open", "id", sqlite_where=_OPEN, postgresql_where=_OPEN),
)
_T = executions.c


class SqlExecutions:
    """ports.Executions over SQL."""

    def __init__(self, database: Database, outbox: Outbox, queue: Queue) -> None:
        self._database = database
        self._outbox = outbox
        self._queue = queue

    async def create(self, execution: Execution, most_queued: int) -> None:
        waiting = select(func.count()).where(_T.ended_at.is_(None), _T.state == ExecutionState.QUEUED)
        event = NewEvent("execution_asked", execution.asked_by, execution.id, execution.facts())
        job = NewJob("fleet.execute", {"execution_id": execution.id}, f"execution:{execution.id}")

        def work(connection: Connection) -> None:
            if connection.execute(waiting).scalar_one() >= most_queued:
                raise PoolBusy(
                    f"{most_queued} executions wait already: try again later.",
                    retry_after_seconds=RETRY_SECONDS,
                )
            connection.execute(executions.insert().values(**_values(execution)))
            self._outbox.append_in(connection, [event])
            self._queue.enqueue_in(connection, job)

        await self._database.write(work)

    async def get(self, execution_id: str) -> Execution:
        return await self._database.read(lambda connection: _get(connection, execution_id))

    async def begin(self, execution_id: str, turn_id: str) -> bool:
        values = {"state": ExecutionState.RUNNING, "turn_id": turn_id}
        query = (
            executions.update()
            .where(_T.id == execution_id, _T.state == ExecutionState.QUEUED, _T.stop_asked == 0)
            .values(**values)
        )
        return await self._change(query)

    async def end(
        self, execution_id: str, state: ExecutionState, note: str, at: str, output: str = ""
    ) -> Execution:
        values = {"state": state, "note": note, "output": output[-OUTPUT_SIGNS:], "ended_at": at}

        def work(connection: Connection) -> Execution:
            known = _get(connection, execution_id)
            if known.is_over:
                return known
            EXECUTION_MOVES.check(known.state, state)
            self._end(connection, known, values)
            return _get(connection, execution_id)

        return await self._database.write(work)

    async def cancel_queued(self, execution_id: str, note: str, at: str) -> bool:
        values = {"state": ExecutionState.CANCELLED, "note": note, "ended_at": at}

        def work(connection: Connection) -> bool:
            known = _get(connection, execution_id)
            if known.state is not ExecutionState.QUEUED:
                return False
            self._end(connection, known, values)
            return True

        return await self._database.write(work)

    async def ask_stop(self, execution_id: str) -> None:
        query = executions.update().where(_T.id == execution_id, _T.ended_at.is_(None)).values(stop_asked=1)
        await self._change(query)

    async def unfinished(self) -> Sequence[Execution]:
        query = select(executions).where(_T.ended_at.is_(None)).order_by(_T.id)
        return await self._database.read(lambda c: [_execution_of(row) for row in c.execute(query)])

    async def _change(self, query: object) -> bool:
        def work(connection: Connection) -> bool:
            touch(connection, TOPIC)
            return bool(connection.execute(query).rowcount)  # type: ignore[call-overload]  # an update

        return await self._database.write(work)

    def _end(self, connection: Connection, known: Execution, values: Mapping[str, object]) -> None:
        connection.execute(executions.update().where(_T.id == known.id).values(**values))
        details = {**known.facts(), "state": values["state"], "note": values["note"]}
        self._outbox.append_in(connection, [NewEvent("execution_ended", "kyros", known.id, details)])
        touch(connection, TOPIC)


def _get(connection: Connection, execution_id: str) -> Execution:
    row = connection.execute(select(executions).where(_T.id == execution_id)).first()
    if row is None:
        raise ExecutionNotFound(f"There is no execution {execution_id}.")
    return _execution_of(row)


def _values(execution: Execution) -> dict[str, object]:
    return asdict(execution) | {"stop_asked": int(execution.stop_asked)}


def _execution_of(row: Row[tuple[object, ...]]) -> Execution:
    values = dict(row._mapping)
    return replace(Execution(**values), state=ExecutionState(row.state), stop_asked=bool(row.stop_asked))
