"""Answers what agents ask leave for, by policy, and keeps every answer."""

from kyros.drivers.model import ApprovalRequest, Decision
from kyros.fleet.model import Approval, Turn, TurnOrder, decide
from kyros.fleet.ports import Turns, Worktrees
from kyros.kernel.clock import Clock, to_text

_SUBJECT_SIGNS = 2_000


class Judge:
    """No request is granted unseen."""

    def __init__(self, *, turns: Turns, worktrees: Worktrees, clock: Clock) -> None:
        self._turns = turns
        self._worktrees = worktrees
        self._clock = clock

    async def decide(self, order: TurnOrder, turn: Turn, request: ApprovalRequest) -> Decision:
        decision = decide(request, self._worktrees.locate(order.worktree, request.subject))
        await self._turns.approve(
            turn,
            Approval(
                at=to_text(self._clock()),
                kind=request.kind,
                subject=request.subject[:_SUBJECT_SIGNS],
                allowed=decision.allow,
                rule=decision.rule,
            ),
        )
        return decision
