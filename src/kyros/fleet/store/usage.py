"""Sums over the rows of turns."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, case, cast, distinct, func, select
from sqlalchemy.types import Float

from kyros.fleet.model import Spent
from kyros.fleet.model.budget import DAILY, Scope
from kyros.fleet.model.usage import FIGURES, By, UsageQuery, UsageRow
from kyros.fleet.store.turns import turns
from kyros.infra.db import Database

_DAY = func.substr(turns.c.started_at, 1, 10)
_KEYS: Mapping[By, ColumnElement[Any]] = {
    By.AGENT: turns.c.agent,
    By.PROFILE: turns.c.agent,
    By.PROJECT: turns.c.project_id,
    By.TASK: turns.c.task_id,
    By.RUN: turns.c.run_id,
    By.MODEL: turns.c.model,
    By.TIER: turns.c.tier,
    By.DAY: _DAY,
}
_OWNERS = {
    Scope.RUN: turns.c.run_id,
    Scope.TASK: turns.c.task_id,
    Scope.AGENT: turns.c.agent,
    Scope.PROJECT: turns.c.project_id,
    Scope.TURN: turns.c.id,
}
_MEASURED = (
    turns.c.input_tokens, turns.c.output_tokens, turns.c.cache_read_tokens, turns.c.cache_creation_tokens,
    turns.c.cost_usd,
)  # fmt: skip
_UNMEASURED = func.sum(case((and_(*(column.is_(None) for column in _MEASURED)), 1), else_=0))
_COLUMNS = {"tool_calls": turns.c.tool_call_count}
_WHOLE = frozenset(FIGURES) - {"cost_usd"}


class SqlLedger:
    """ports.Ledger: each answer is one statement."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def roll_up(self, query: UsageQuery) -> Sequence[UsageRow]:
        keys = [_KEYS[by] for by in query.by]
        figures = [func.sum(_COLUMNS.get(name, turns.c.get(name))) for name in FIGURES]
        statement = (
            select(*keys, func.count(), func.count(distinct(turns.c.run_id)), _UNMEASURED, *figures)
            .where(*_conditions(query))
            .group_by(*keys)
            .order_by(*(func.coalesce(key, "") for key in keys))
            .offset(query.offset)
            .limit(query.limit)
        )
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return [_row_of(tuple(row), len(keys)) for row in rows]

    async def spent(self, scope: Scope, key: str, day: str, without: str | None = None) -> Spent:
        tokens = sum(
            (func.coalesce(func.sum(turns.c[f"{name}_tokens"]), 0) for name in ("output", "cache_creation")),
            func.coalesce(func.sum(turns.c.input_tokens), 0),
        )
        usd = func.coalesce(func.sum(turns.c.cost_usd), 0.0)
        minutes = func.coalesce(func.sum(cast(turns.c.duration_ms, Float)), 0.0) / 60_000
        statement = select(tokens, usd, minutes, func.coalesce(_UNMEASURED, 0))
        if scope in _OWNERS:
            statement = statement.where(_OWNERS[scope] == key)
        if scope in DAILY:
            statement = statement.where(turns.c.started_at >= day, turns.c.started_at < f"{day}U")
        if without is not None:
            statement = statement.where(turns.c.id != without)
        row = await self._database.read(lambda connection: connection.execute(statement).one())
        return Spent(int(row[0]), float(row[1]), float(row[2]), int(row[3]))


def _conditions(query: UsageQuery) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if query.projects is not None:
        found.append(turns.c.project_id.in_(sorted(query.projects)))
    if query.since is not None:
        found.append(turns.c.started_at >= query.since)
    if query.until is not None:
        found.append(turns.c.started_at < query.until)
    if query.agent is not None:
        found.append(turns.c.agent == query.agent)
    if query.task is not None:
        found.append(turns.c.task_id == query.task)
    return found


def _row_of(row: tuple[Any, ...], keys: int) -> UsageRow:
    """Sums of PostgreSQL are decimals."""
    turns_, runs, unmeasured, *sums = row[keys:]
    figures: dict[str, Any] = {
        name: None if value is None else int(value) if name in _WHOLE else float(value)
        for name, value in zip(FIGURES, sums, strict=True)
    }
    return UsageRow(tuple(row[:keys]), turns_, runs, int(unmeasured), **figures)
