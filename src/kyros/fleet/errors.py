"""What the fleet refuses."""

from kyros.kernel.errors import Busy, Conflict, Invalid, NotFound


class WorktreeNotFound(NotFound):
    code = "worktree_not_found"


class PushRefused(Conflict):
    """The branch in the forge is not where the worktree began; nothing was overwritten."""

    code = "push_refused"


class WorktreeBusy(Busy):
    """Git or the disk said no for now."""

    code = "worktree_busy"


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
