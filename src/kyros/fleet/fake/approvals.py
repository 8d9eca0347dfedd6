"""Approvals and rules, as two dicts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from kyros.drivers.model import ApprovalRule
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
from kyros.kernel.clock import Clock, to_text, utc_now


class FakeApprovals:
    """ports.Approvals as two dicts."""

    def __init__(self, outbox: Outbox, clock: Clock = utc_now) -> None:
        self._outbox = outbox
        self._clock = clock
        self._approvals: dict[str, Approval] = {}
        self._rules: dict[str, ProjectRules] = {}

    def of_turn(self, turn_id: str) -> Sequence[Approval]:
        found = [one for one in self._approvals.values() if one.turn_id == turn_id]
        return sorted(found, key=lambda one: one.id)

    async def record(self, approval: Approval) -> None:
        self._keep(approval, "approval_decided", POLICY, approval.decision())

    async def ask(self, approval: Approval) -> None:
        facts = approval.facts() | {"expires_at": approval.expires_at}
        self._keep(approval, "approval_requested", approval.agent, facts)

    async def get(self, approval_id: str) -> Approval:
        if approval_id not in self._approvals:
            raise no_approval(approval_id)
        return self._approvals[approval_id]

    async def page(self, query: ApprovalQuery) -> Sequence[Approval]:
        found = [
            one
            for one in sorted(self._approvals.values(), key=lambda one: one.id, reverse=True)
            if query.state in (None, one.state)
            and query.run_id in (None, one.run_id)
            and query.project_id in (None, one.project_id)
            and (query.before is None or one.id < query.before)
        ]
        return found[: query.limit]

    async def answer(
        self, approval_id: str, answer: Answer, check: Callable[[Approval], None] = lambda _: None
    ) -> Approval:
        asked = await self.get(approval_id)
        decided = answered(asked, answer, self._clock())
        if decided == asked:
            return asked
        check(asked)
        if decided.scope is Scope.ALWAYS:
            before, rule = await self.rules(str(decided.project_id)), rule_for(decided)
            self._put_rules(before, before.with_first(rule), answer.by)
        return self._keep(decided, "approval_decided", answer.by, decided.decision())

    async def expire(self, approval_id: str) -> Approval:
        return self._end(await self.get(approval_id), ApprovalState.EXPIRED, "approval_expired")

    async def withdraw(self, approval_id: str) -> Approval:
        return self._end(await self.get(approval_id), ApprovalState.WITHDRAWN, "approval_withdrawn")

    async def withdraw_all_of(self, run_id: str) -> Sequence[str]:
        left = [one for one in self._approvals.values() if one.run_id == run_id and one.is_pending]
        return [(await self.withdraw(one.id)).id for one in left]

    async def rules(self, project_id: str) -> ProjectRules:
        return self._rules.get(project_id, ProjectRules(project_id))

    async def set_rules(
        self,
        project_id: str,
        rules: Sequence[ApprovalRule],
        actor: str,
        check: Callable[[ProjectRules], None] = lambda _: None,
    ) -> ProjectRules:
        before = await self.rules(project_id)
        check(before)
        return before if list(before.rules) == list(rules) else self._put_rules(before, rules, actor)

    def _put_rules(self, before: ProjectRules, rules: Sequence[ApprovalRule], actor: str) -> ProjectRules:
        project_id, now = before.project_id, to_text(self._clock())
        details = {"project_id": project_id, "rules": [describe(rule) for rule in rules]}
        self._outbox.append_in(None, [NewEvent("project_rules_set", actor, project_id, details)])
        made = ProjectRules(project_id, tuple(rules), before.revision + 1, now, actor)
        self._rules[project_id] = made
        return made

    def _end(self, approval: Approval, state: ApprovalState, event: str) -> Approval:
        if not approval.is_pending:
            return approval
        ended = replace(approval, state=state, decided_at=to_text(self._clock()))
        return self._keep(ended, event, "kyros", ended.facts())

    def _keep(self, approval: Approval, event: str, actor: str, facts: Mapping[str, object]) -> Approval:
        self._outbox.append_in(None, [NewEvent(event, actor, approval.run_id, facts)])
        self._approvals[approval.id] = approval
        return approval
