"""What the fleet refuses."""

from kyros.kernel.errors import Busy, Conflict, Denied, Invalid, NotFound


class WorktreeNotFound(NotFound):
    code = "worktree_not_found"


class PushRefused(Conflict):
    """The branch in the forge is not where the worktree began; nothing was overwritten."""

    code = "push_refused"


class SandboxMissing(Denied):
    """The settings want agents in a sandbox that does not work here; nothing was started."""

    code = "sandbox_missing"


class BudgetReached(Conflict):
    """What the turn may use is used up; the message says which budget."""

    code = "budget_reached"


class BudgetRefused(Invalid):
    """There is no budget of that kind for that key."""

    code = "budget_refused"


class ProfilePaused(Busy):
    """Its vendor takes no more work for now; facts: profile, retry_after_seconds."""

    code = "profile_paused"


class WorktreeBusy(Busy):
    """Git or the disk said no for now."""

    code = "worktree_busy"


class NoTerminal(Conflict):
    """The run's program cannot be typed into, or there is none now."""

    code = "no_terminal"


class ApprovalNotFound(NotFound):
    code = "approval_not_found"


class ApprovalDecided(Conflict):
    """Somebody was quicker; facts: state, decided_by, decided_at."""

    code = "approval_decided"


class ApprovalOver(Conflict):
    """Nobody waits for it any more; facts: state."""

    code = "approval_over"


class ApprovalNotGeneral(Conflict):
    """It cannot be allowed for always: no rule could say exactly that."""

    code = "approval_not_general"


class NothingPending(Conflict):
    """The run waits for no approval."""

    code = "nothing_pending"


class SeveralPending(Conflict):
    """The run waits for several approvals; facts: approvals, their ids."""

    code = "several_pending"


class OwnRequest(Denied):
    """An agent cannot answer what agents ask."""

    code = "own_request"


class RulesInvalid(Invalid):
    """A rule cannot be kept as it is."""

    code = "rules_invalid"


def no_approval(approval_id: str) -> ApprovalNotFound:
    """In the same words for whom it is hidden from."""
    return ApprovalNotFound(
        f"There is no approval {approval_id}: `kyros approve list` shows those there are."
    )


class PoolBusy(Busy):
    """Nobody was free in time, or too many wait already; nothing was begun. facts: retry_after_seconds."""

    code = "pool_busy"


class AgentKeepsFailing(Busy):
    """The agent's program failed to start several times in a row; it is left alone for a while. facts:
    profile, retry_after_seconds."""

    code = "agent_keeps_failing"


class ExecutionNotFound(NotFound):
    code = "execution_not_found"


class FolderRefused(Invalid):
    """An agent may not be put to work in that folder."""

    code = "folder_refused"
