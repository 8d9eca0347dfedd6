"""What the fleet refuses."""

from kyros.kernel.errors import Busy, Conflict, Invalid, NotFound


class WorktreeNotFound(NotFound):
    code = "worktree_not_found"


class PushRefused(Conflict):
    """The branch in the forge is not where the worktree began; nothing was overwritten."""

    code = "push_refused"


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
