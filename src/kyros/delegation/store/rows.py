"""The tables of runs, and what their rows say."""

import json
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    select,
)

from kyros.collab.model import Budget
from kyros.delegation.errors import no_run
from kyros.delegation.model import NewRun, Reason, Run, RunStatus, Step, StepName, StepStatus
from kyros.infra.db import BIG_INTEGER, metadata
from kyros.kernel.answers import KeyReused

runs = Table(
    "runs",
    metadata,
    Column("id", String, primary_key=True),
    Column("task_id", String, nullable=False, index=True),
    Column("project_id", String, nullable=False, index=True),
    Column("status", String, nullable=False, index=True),
    Column("reason", String),
    Column("explanation", Text),
    Column("attempt", Integer, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("agent", String, nullable=False),
    Column("branch", String, nullable=False),
    Column("base", String, nullable=False),
    Column("timeout_seconds", Float, nullable=False),
    Column("pull_id", String, index=True),
    Column("stop_asked", Integer, nullable=False),
    Column("idempotency_key", String, unique=True),
    Column("request_digest", String, nullable=False),
    Column("created_at", String, nullable=False),
    Column("started_at", String),
    Column("ended_at", String),
    Column("budget_tokens", BIG_INTEGER),
    Column("budget_usd", Float),
    Column("budget_minutes", Float),
)

run_steps = Table(
    "run_steps",
    metadata,
    Column("run_id", ForeignKey("runs.id"), primary_key=True),
    Column("name", String, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("status", String, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("started_at", String),
    Column("ended_at", String),
    Column("data", Text, nullable=False),
    Column("note", Text, nullable=False),
    Index("ix_run_steps_order", "run_id", "position"),
)

project_checks = Table(
    "project_checks",
    metadata,
    Column("project_id", String, primary_key=True),
    Column("command", Text, nullable=False),
)


def find_run(connection: Connection, condition: Any) -> Any:
    return connection.execute(select(runs).where(condition).order_by(runs.c.id.desc())).first()


def known_by_key(connection: Connection, run: NewRun) -> Run | None:
    """The run made earlier under the same key."""
    if run.idempotency_key is None:
        return None
    row = find_run(connection, runs.c.idempotency_key == run.idempotency_key)
    if row is None:
        return None
    if row.request_digest != run.request_digest:
        raise KeyReused("This Idempotency-Key came before with another request: use a new key.")
    return run_of(connection, row)


def get_run(connection: Connection, run_id: str) -> Run:
    row = find_run(connection, runs.c.id == run_id)
    if row is None:
        raise no_run(run_id)
    return run_of(connection, row)


def run_of(connection: Connection, row: Row[Any]) -> Run:
    steps = connection.execute(
        select(run_steps).where(run_steps.c.run_id == row.id).order_by(run_steps.c.position)
    ).all()
    return Run(
        id=row.id,
        task_id=row.task_id,
        project_id=row.project_id,
        status=RunStatus(row.status),
        reason=None if row.reason is None else Reason(row.reason),
        explanation=row.explanation,
        attempt=row.attempt,
        tries=row.tries,
        agent=row.agent,
        branch=row.branch,
        base=row.base,
        timeout_seconds=row.timeout_seconds,
        pull_id=row.pull_id,
        stop_asked=bool(row.stop_asked),
        steps=tuple(_step_of(step) for step in steps),
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        budget=Budget(row.budget_tokens, row.budget_usd, row.budget_minutes),
    )


def budget_columns(budget: Budget) -> dict[str, Any]:
    return {f"budget_{name}": value for name, value in budget.document().items()}


def _step_of(row: Row[Any]) -> Step:
    return Step(
        name=StepName(row.name),
        status=StepStatus(row.status),
        attempt=row.attempt,
        started_at=row.started_at,
        ended_at=row.ended_at,
        data=json.loads(row.data),
        note=row.note,
    )
