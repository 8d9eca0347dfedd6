"""Turns in the database."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Float,
    Index,
    Row,
    String,
    Table,
    Text,
    select,
)

from kyros.drivers.model import ResultKind, Tier, Usage
from kyros.events.model import NewEvent
from kyros.events.ports import Outbox
from kyros.fleet.model import CUT_OFF, Approval, Turn
from kyros.fleet.store.approvals import approval_of, approvals
from kyros.infra.db import BIG_INTEGER, Database, metadata

turns = Table(
    "turns",
    metadata,
    Column("id", String, primary_key=True),
    Column("run_id", String, nullable=False, index=True),
    Column("agent", String, nullable=False),
    Column("tier", String, nullable=False),
    Column("wake_reason", String, nullable=False),
    Column("started_at", String, nullable=False),
    Column("ended_at", String),
    Column("duration_ms", BIG_INTEGER),
    Column("result_kind", String),
    Column("evidence", String, nullable=False),
    Column("note", Text, nullable=False),
    Column("bytes_streamed", BIG_INTEGER, nullable=False),
    Column("model", String),
    Column("input_tokens", BIG_INTEGER),
    Column("output_tokens", BIG_INTEGER),
    Column("cache_read_tokens", BIG_INTEGER),
    Column("cache_creation_tokens", BIG_INTEGER),
    Column("cost_usd", Float),
    Column("tool_calls", Text),
    Column("tool_call_count", BIG_INTEGER),
    Column("project_id", String),
    Column("task_id", String),
    Column("session_id", String),
    Index("ix_turns_started_at", "started_at", "project_id"),
    Index("ix_turns_agent", "agent", "started_at"),
    Index("ix_turns_task_id", "task_id"),
)

_USAGE = ("model", "input_tokens", "output_tokens", "cache_read_tokens", "cache_creation_tokens", "cost_usd")
_NOTED = frozenset({*_USAGE, "tool_calls", "tool_call_count", "duration_ms", "bytes_streamed"})


def cut_off_in(connection: Connection, outbox: Outbox, which: ColumnElement[bool], at: str) -> None:
    """End those that have no end, as lost; each is told."""
    about = (turns.c.id, turns.c.run_id, turns.c.agent, turns.c.project_id, turns.c.task_id)
    ended = {"ended_at": at, "result_kind": ResultKind.LOST, "note": CUT_OFF}
    for row in connection.execute(select(*about).where(which, turns.c.ended_at.is_(None))).all():
        connection.execute(turns.update().where(turns.c.id == row.id).values(**ended))
        names = {"run_id": row.run_id, "task_id": row.task_id, "project_id": row.project_id}
        details = {**names, "turn_id": row.id, "result": ResultKind.LOST, "note": CUT_OFF}
        outbox.append_in(connection, [NewEvent("turn_ended", row.agent, row.run_id, details)])


class SqlTurns:
    """ports.Turns over SQL."""

    def __init__(self, database: Database, outbox: Outbox) -> None:
        self._database = database
        self._outbox = outbox

    async def begin(self, turn: Turn) -> None:
        event = NewEvent("turn_started", turn.agent, turn.run_id, turn.facts())

        def work(connection: Connection) -> None:
            cut_off_in(connection, self._outbox, turns.c.run_id == turn.run_id, turn.started_at)
            connection.execute(turns.insert().values(**_row_of(turn)))
            self._outbox.append_in(connection, [event])

        await self._database.write(work)

    async def note(self, turn: Turn) -> None:
        values = {name: value for name, value in _row_of(turn).items() if name in _NOTED}
        query = turns.update().where(turns.c.id == turn.id, turns.c.ended_at.is_(None)).values(**values)
        await self._database.write(lambda connection: connection.execute(query) and None)

    async def end(self, turn: Turn) -> None:
        details = turn.facts() | {"result": turn.result_kind, "note": turn.note}
        event = NewEvent("turn_ended", turn.agent, turn.run_id, details)

        def work(connection: Connection) -> None:
            connection.execute(turns.update().where(turns.c.id == turn.id).values(**_row_of(turn)))
            self._outbox.append_in(connection, [event])

        await self._database.write(work)

    async def of_run(self, run_id: str) -> Sequence[Turn]:
        def work(connection: Connection) -> Sequence[Turn]:
            rows = connection.execute(
                select(turns).where(turns.c.run_id == run_id).order_by(turns.c.started_at)
            ).all()
            asked = connection.execute(
                select(approvals)
                .where(approvals.c.turn_id.in_([row.id for row in rows]))
                .order_by(approvals.c.id)
            ).all()
            return [
                _turn_of(row, [approval_of(one) for one in asked if one.turn_id == row.id]) for row in rows
            ]

        return await self._database.read(work)


def _row_of(turn: Turn) -> dict[str, object]:
    row = {name: value for name, value in asdict(turn).items() if name in turns.c}
    usage = {name: getattr(turn.usage, name) for name in _USAGE}
    calls = None if turn.usage.tool_calls is None else json.dumps(dict(turn.usage.tool_calls))
    return row | usage | {"tool_calls": calls, "tool_call_count": turn.tool_call_count}


def _turn_of(row: Row[tuple[object, ...]], asked: Sequence[Approval]) -> Turn:
    usage = Usage(
        **{name: getattr(row, name) for name in _USAGE},
        tool_calls=None if row.tool_calls is None else json.loads(row.tool_calls),
    )
    return Turn(
        id=row.id,
        run_id=row.run_id,
        agent=row.agent,
        tier=Tier(row.tier),
        wake_reason=row.wake_reason,
        started_at=row.started_at,
        ended_at=row.ended_at,
        duration_ms=row.duration_ms,
        result_kind=None if row.result_kind is None else ResultKind(row.result_kind),
        evidence=row.evidence,
        note=row.note,
        bytes_streamed=row.bytes_streamed,
        usage=usage,
        approvals=tuple(asked),
        project_id=row.project_id,
        task_id=row.task_id,
        session_id=row.session_id,
    )
