"""What the fleet refuses."""

from kyros.kernel.errors import Busy, Conflict, Denied, NotFound


class WorktreeNotFound(NotFound):
    code = "worktree_not_found"


class PushRefused(Conflict):
    """The branch in the forge is not where the worktree began; nothing was overwritten."""

    code = "push_refused"


class SandboxMissing(Denied):
    """The settings want agents in a sandbox that does not work here; nothing was started."""

    code = "sandbox_missing"


class WorktreeBusy(Busy):
    """Git or the disk said no for now."""

    code = "worktree_busy"


class NoTerminal(Conflict):
    """The run's program cannot be typed into, or there is none now."""

    code = "no_terminal"
