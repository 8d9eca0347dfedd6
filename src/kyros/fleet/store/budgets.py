"""Budgets in the database, and which of them were reached when."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from sqlalchemy import Column, Connection, Float, Row, String, Table, Text, select

from kyros.collab.model import Budget
from kyros.events.model import NewEvent
from kyros.events.ports import Outbox
from kyros.fleet.model import Cap, Turn
from kyros.fleet.model.budget import Scope, has_limit
from kyros.infra.db import BIG_INTEGER, Database, metadata
from kyros.kernel.clock import Clock, to_text

budgets = Table(
    "budgets",
    metadata,
    Column("scope", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("tokens", BIG_INTEGER),
    Column("usd", Float),
    Column("minutes", Float),
    Column("updated_at", String, nullable=False),
    Column("updated_by", String, nullable=False),
)

budget_marks = Table(
    "budget_marks",
    metadata,
    Column("scope", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("period", String, primary_key=True),
    Column("limits", Text, primary_key=True),
    Column("at", String, nullable=False),
)


class SqlBudgets:
    """ports.Budgets over SQL."""

    def __init__(self, database: Database, outbox: Outbox, clock: Clock) -> None:
        self._database = database
        self._outbox = outbox
        self._clock = clock

    async def all(self) -> Mapping[tuple[Scope, str], Budget]:
        query = select(budgets).order_by(budgets.c.scope, budgets.c.key)
        rows: Sequence[Row[tuple[object, ...]]] = await self._database.read(
            lambda connection: connection.execute(query).all()
        )
        return {(Scope(row.scope), row.key): Budget(row.tokens, row.usd, row.minutes) for row in rows}

    async def set(self, scope: Scope, key: str, budget: Budget, actor: str) -> None:
        facts = {"scope": scope.value, "key": key, **budget.document()}
        facts |= {"project_id": key} if scope is Scope.PROJECT else {}
        event = NewEvent("budget_set", actor, f"{scope}/{key}", facts)
        values = {"updated_at": to_text(self._clock()), "updated_by": actor, **asdict(budget)}

        def work(connection: Connection) -> None:
            connection.execute(budgets.delete().where(budgets.c.scope == scope, budgets.c.key == key))
            if has_limit(budget):
                connection.execute(budgets.insert().values(scope=scope.value, key=key, **values))
            self._outbox.append_in(connection, [event])

        await self._database.write(work)

    async def note_reached(self, cap: Cap, turn: Turn, sentence: str) -> bool:
        mark = {"scope": cap.scope.value, "key": cap.key, "period": cap.period, "limits": repr(cap.limits)}
        facts = turn.facts() | {"budget": cap.name, **cap.limits.document(), "note": sentence}
        event = NewEvent("budget_reached", "kyros", turn.run_id, facts)
        known = select(budget_marks.c.at).where(*(budget_marks.c[name] == mark[name] for name in mark))

        def work(connection: Connection) -> bool:
            if connection.execute(known).first() is not None:
                return False
            connection.execute(budget_marks.insert().values(**mark, at=to_text(self._clock())))
            self._outbox.append_in(connection, [event])
            return True

        return await self._database.write(work)
