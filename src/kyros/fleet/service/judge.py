"""Answers what agents ask leave for: by a rule, or by the person it asks; keeps every answer."""

import asyncio
import posixpath
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from kyros.drivers.model import ActionKind, ApprovalRequest, Decision, RuleAction
from kyros.drivers.ports import Profiles
from kyros.fleet.errors import ApprovalNotFound
from kyros.fleet.model import (
    Approval,
    ApprovalState,
    Place,
    Rules,
    Turn,
    TurnOrder,
    Verdict,
    decided_by_rule,
    digest_of,
    judge,
    put_to_a_person,
    shown_of,
)
from kyros.fleet.model.masking import Mask
from kyros.fleet.ports import Approvals, Worktrees
from kyros.fleet.service.answers import Answers
from kyros.kernel.clock import Clock, to_text
from kyros.kernel.ids import NewId

Waiting = Callable[[Approval], AbstractAsyncContextManager[None]]
"""Entered while a person is awaited."""


class Judge:
    """No request is granted unseen, and none by default when nobody answers. It is judged as it is, and kept
    masked."""

    def __init__(
        self,
        *,
        approvals: Approvals,
        answers: Answers,
        profiles: Profiles,
        worktrees: Worktrees,
        clock: Clock,
        new_id: NewId,
        patience_seconds: float,
    ) -> None:
        self._approvals = approvals
        self._answers = answers
        self._profiles = profiles
        self._worktrees = worktrees
        self._clock = clock
        self._new_id = new_id
        self._patience_seconds = patience_seconds

    async def begin(self, run_id: str) -> None:
        """A turn begins: what an earlier one of its run asked, nobody waits for any more."""
        await self._approvals.withdraw_all_of(run_id)

    async def decide(
        self, order: TurnOrder, turn: Turn, request: ApprovalRequest, waiting: Waiting, mask: Mask
    ) -> Decision:
        locate = partial(self._locate, order.worktree)
        verdict = judge(request, locate, await self._rules(order))
        approval = self._approval(order, turn, request, verdict, mask)
        if verdict.action is RuleAction.ASK:
            return await self._ask(put_to_a_person(approval, self._patience_seconds), waiting)
        await self._approvals.record(decided_by_rule(approval, verdict.action is RuleAction.ALLOW))
        return Decision(verdict.action is RuleAction.ALLOW, verdict.rule)

    async def _ask(self, approval: Approval, waiting: Waiting) -> Decision:
        """Whatever ends the waiting, no request is left pending behind it."""
        is_over = False
        try:
            await self._approvals.ask(approval)
            async with waiting(approval):
                decided = await self._answers.wait(approval.id, self._patience_seconds)
            is_over = True
        finally:
            if not is_over:
                await asyncio.shield(self._withdraw(approval.id))
        return self._said(decided)

    async def _withdraw(self, approval_id: str) -> None:
        with suppress(ApprovalNotFound):  # it did not come so far
            await self._approvals.withdraw(approval_id)

    def _said(self, decided: Approval) -> Decision:
        if decided.allowed:
            return Decision(True, f"allow: granted by {decided.decided_by}", decided.note)
        if decided.state is ApprovalState.DENIED:
            return Decision(False, f"deny: {decided.decided_by} said no", decided.note)
        if decided.state is ApprovalState.EXPIRED:
            why = f"nobody answered within {self._patience_seconds:g} s"
            return Decision(False, f"deny: {why}", f"It was denied because {why}.")
        return Decision(False, "deny: the request was withdrawn")

    async def _rules(self, order: TurnOrder) -> Rules:
        profile = self._profiles.get(order.agent).approvals
        if order.project_id is None:
            return Rules((), profile)
        return Rules((await self._approvals.rules(order.project_id)).rules, profile)

    def _locate(self, worktree: Path, subject: str) -> Place:
        absolute = posixpath.normpath(posixpath.join(worktree.as_posix(), subject))
        return Place(self._worktrees.locate(worktree, subject), absolute)

    def _approval(
        self, order: TurnOrder, turn: Turn, request: ApprovalRequest, verdict: Verdict, mask: Mask
    ) -> Approval:
        shown, path = _masked(request, mask), self._path(order, request)
        subject, text = shown_of(shown)
        return Approval(
            id=self._new_id("appr"),
            turn_id=turn.id,
            run_id=order.run_id,
            project_id=order.project_id,
            task_id=order.task_id,
            agent=order.agent,
            state=ApprovalState.PENDING,
            kind=request.kind,
            tool=shown.tool,
            subject=subject,
            path=None if path is None else mask.text(path),
            text=text,
            rule=mask.text(verdict.rule),
            digest=digest_of(request.kind, request.tool, request.subject, request.text),
            asked_at=to_text(self._clock()),
        )

    def _path(self, order: TurnOrder, request: ApprovalRequest) -> str | None:
        if request.kind not in (ActionKind.READ, ActionKind.WRITE) or not request.subject:
            return None
        place = self._locate(order.worktree, request.subject)
        return place.absolute if place.inside is None else str(place.inside)


def _masked(request: ApprovalRequest, mask: Mask) -> ApprovalRequest:
    return ApprovalRequest(
        request.kind,
        mask.text(request.subject),
        mask.text(request.text),
        mask.text(request.tool),
        tuple(replace(option, name=mask.text(option.name)) for option in request.options),
    )
