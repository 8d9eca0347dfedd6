"""What collab refuses."""

from kyros.kernel.errors import Conflict, NotFound


class TaskNotFound(NotFound):
    code = "task_not_found"


class LeaseHeld(Conflict):
    """Somebody else holds it; facts: resource, holder, retry_after_ms."""

    code = "lease_held"


class LeaseLost(Conflict):
    """It expired or was taken back; a heartbeat never resurrects it."""

    code = "lease_lost"
