"""Approvals and the rules of projects in the database."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

from sqlalchemy import Column, Connection, ForeignKey, Index, Row, String, Table, Text, select

from kyros.drivers.model import ActionKind, ApprovalRule, RuleAction
from kyros.events.model import NewEvent
from kyros.events.ports import Outbox
from kyros.fleet.errors import no_approval
from kyros.fleet.model import (
    POLICY,
    Answer,
    Approval,
    ApprovalQuery,
    ApprovalState,
    ProjectRules,
    Scope,
    answered,
    describe,
    rule_for,
)
from kyros.infra.db import BIG_INTEGER, Database, metadata, touch
from kyros.kernel.clock import Clock, to_text, utc_now

TOPIC = "approvals"
"""Touched by every commit that decides something; whoever hears of it calls `Answers.wake`."""

approvals = Table(
    "approvals",
    metadata,
    Column("id", String, primary_key=True),
    Column("turn_id", ForeignKey("turns.id"), nullable=False, index=True),
    Column("run_id", String, nullable=False),
    Column("project_id", String),
    Column("task_id", String),
    Column("agent", String, nullable=False),
    Column("state", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("tool", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("path", Text),
    Column("text", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("digest", String, nullable=False),
    Column("asked_at", String, nullable=False),
    Column("expires_at", String),
    Column("decided_at", String),
    Column("decided_by", String),
    Column("scope", String),
    Column("note", Text, nullable=False),
    Column("made_rule", Text),
    Index("ix_approvals_run_id", "run_id", "id"),
    Index("ix_approvals_project_id", "project_id", "id"),
    Index("ix_approvals_state", "state", "id"),
)

project_rules = Table(
    "project_rules",
    metadata,
    Column("project_id", String, primary_key=True),
    Column("rules", Text, nullable=False),
    Column("revision", BIG_INTEGER, nullable=False),
    Column("changed_at", String, nullable=False),
    Column("changed_by", String, nullable=False),
)


class SqlApprovals:
    """ports.Approvals over SQL."""

    def __init__(self, database: Database, outbox: Outbox, clock: Clock = utc_now) -> None:
        self._database = database
        self._outbox = outbox
        self._clock = clock

    async def record(self, approval: Approval) -> None:
        event = NewEvent("approval_decided", POLICY, approval.run_id, approval.decision())
        await self._insert(approval, event)

    async def ask(self, approval: Approval) -> None:
        facts = approval.facts() | {"expires_at": approval.expires_at}
        await self._insert(approval, NewEvent("approval_requested", approval.agent, approval.run_id, facts))

    async def get(self, approval_id: str) -> Approval:
        return await self._database.read(lambda connection: _get(connection, approval_id))

    async def page(self, query: ApprovalQuery) -> Sequence[Approval]:
        wanted = select(approvals).order_by(approvals.c.id.desc()).limit(query.limit)
        if query.state is not None:
            wanted = wanted.where(approvals.c.state == query.state)
        if query.run_id is not None:
            wanted = wanted.where(approvals.c.run_id == query.run_id)
        if query.project_id is not None:
            wanted = wanted.where(approvals.c.project_id == query.project_id)
        if query.before is not None:
            wanted = wanted.where(approvals.c.id < query.before)
        return await self._database.read(lambda c: [approval_of(row) for row in c.execute(wanted).all()])

    async def answer(
        self, approval_id: str, answer: Answer, check: Callable[[Approval], None] = lambda _: None
    ) -> Approval:
        def work(connection: Connection) -> Approval:
            asked = _get(connection, approval_id)
            decided = answered(asked, answer, self._clock())
            if decided == asked:
                return asked
            check(asked)
            if decided.scope is Scope.ALWAYS:
                rule = rule_for(decided)
                before = _rules(connection, str(decided.project_id))
                self._put_rules(connection, before, before.with_first(rule), answer.by)
            event = NewEvent("approval_decided", answer.by, decided.run_id, decided.decision())
            return self._replace(connection, decided, event)

        return await self._database.write(work)

    async def expire(self, approval_id: str) -> Approval:
        def work(connection: Connection) -> Approval:
            approval = _get(connection, approval_id)
            if not approval.is_pending:
                return approval
            late = replace(approval, state=ApprovalState.EXPIRED, decided_at=self._now())
            event = NewEvent("approval_expired", "kyros", late.run_id, late.facts())
            return self._replace(connection, late, event)

        return await self._database.write(work)

    async def withdraw(self, approval_id: str) -> Approval:
        return await self._database.write(lambda c: self._withdraw(c, _get(c, approval_id)))

    async def withdraw_all_of(self, run_id: str) -> Sequence[str]:
        left = select(approvals).where(
            approvals.c.run_id == run_id, approvals.c.state == ApprovalState.PENDING
        )

        def work(connection: Connection) -> Sequence[str]:
            found = [approval_of(row) for row in connection.execute(left).all()]
            return [self._withdraw(connection, approval).id for approval in found]

        return await self._database.write(work)

    async def rules(self, project_id: str) -> ProjectRules:
        return await self._database.read(lambda connection: _rules(connection, project_id))

    async def set_rules(
        self,
        project_id: str,
        rules: Sequence[ApprovalRule],
        actor: str,
        check: Callable[[ProjectRules], None] = lambda _: None,
    ) -> ProjectRules:
        def work(connection: Connection) -> ProjectRules:
            before = _rules(connection, project_id)
            check(before)
            if list(before.rules) == list(rules):
                return before
            return self._put_rules(connection, before, rules, actor)

        return await self._database.write(work)

    def _put_rules(
        self, connection: Connection, before: ProjectRules, rules: Sequence[ApprovalRule], actor: str
    ) -> ProjectRules:
        made = ProjectRules(before.project_id, tuple(rules), before.revision + 1, self._now(), actor)
        values = {
            "rules": json.dumps([asdict(rule) for rule in rules]),
            "revision": made.revision,
            "changed_at": made.changed_at,
            "changed_by": actor,
        }
        connection.execute(project_rules.delete().where(project_rules.c.project_id == made.project_id))
        connection.execute(project_rules.insert().values(project_id=made.project_id, **values))
        details = {"project_id": made.project_id, "rules": [describe(rule) for rule in rules]}
        event = NewEvent("project_rules_set", actor, made.project_id, details)
        self._outbox.append_in(connection, [event])
        return made

    async def _insert(self, approval: Approval, event: NewEvent) -> None:
        def work(connection: Connection) -> None:
            connection.execute(approvals.insert().values(**asdict(approval)))
            self._outbox.append_in(connection, [event])

        await self._database.write(work)

    def _withdraw(self, connection: Connection, approval: Approval) -> Approval:
        if not approval.is_pending:
            return approval
        gone = replace(approval, state=ApprovalState.WITHDRAWN, decided_at=self._now())
        event = NewEvent("approval_withdrawn", "kyros", gone.run_id, gone.facts())
        return self._replace(connection, gone, event)

    def _replace(self, connection: Connection, approval: Approval, event: NewEvent) -> Approval:
        query = approvals.update().where(approvals.c.id == approval.id)
        connection.execute(query.values(**asdict(approval)))
        self._outbox.append_in(connection, [event])
        touch(connection, TOPIC)
        return approval

    def _now(self) -> str:
        return to_text(self._clock())


def approval_of(row: Row[Any]) -> Approval:
    values = {one.name: getattr(row, one.name) for one in fields(Approval)}
    return Approval(
        **values
        | {
            "state": ApprovalState(row.state),
            "kind": ActionKind(row.kind),
            "scope": None if row.scope is None else Scope(row.scope),
        }
    )


def _get(connection: Connection, approval_id: str) -> Approval:
    row = connection.execute(select(approvals).where(approvals.c.id == approval_id)).first()
    if row is None:
        raise no_approval(approval_id)
    return approval_of(row)


def _rules(connection: Connection, project_id: str) -> ProjectRules:
    row = connection.execute(select(project_rules).where(project_rules.c.project_id == project_id)).first()
    if row is None:
        return ProjectRules(project_id)
    found = tuple(_rule_of(one) for one in json.loads(row.rules))
    return ProjectRules(project_id, found, row.revision, row.changed_at, row.changed_by)


def _rule_of(values: dict[str, Any]) -> ApprovalRule:
    kind = values.pop("kind")
    action = RuleAction(values.pop("action"))
    return ApprovalRule(action=action, kind=None if kind is None else ActionKind(kind), **values)
