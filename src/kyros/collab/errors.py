"""What collab refuses."""

from kyros.kernel.errors import Conflict, Denied, Invalid, NotFound


class TaskNotFound(NotFound):
    code = "task_not_found"


class TaskExists(Conflict):
    """A seed names an id that is taken; facts: task_id."""

    code = "task_exists"


class DependencyNotFound(Invalid):
    """It does not exist, or not for the caller; facts: field, task_id."""

    code = "dependency_not_found"


class DependencyCycle(Invalid):
    """The task would wait for itself; facts: field, path."""

    code = "dependency_cycle"


class DependenciesUnmet(Conflict):
    """Work may not begin before other tasks are done; facts: blocked_by, their ids."""

    code = "dependencies_unmet"


class ChecklistOpen(Conflict):
    """The definition of done is not met; facts: open, the texts of its items."""

    code = "checklist_open"


class NotPatchable(Invalid):
    """A field that only Kyros sets, or that changes another way; facts: field."""

    code = "not_patchable"


class AgentNotFound(NotFound):
    code = "agent_not_found"


class AgentExists(Conflict):
    """The name is another agent's, or one that Kyros keeps for itself; facts: name."""

    code = "agent_exists"


class LeaseHeld(Conflict):
    """Somebody else holds it; facts: resource, holder, retry_after_ms."""

    code = "lease_held"


class TooManyLeases(Conflict):
    """One holder has, or stands in line for, as much as one may; facts: limit."""

    code = "too_many_leases"


class LeaseLost(Conflict):
    """It expired or was taken back; a heartbeat never resurrects it."""

    code = "lease_lost"


class FenceStale(Conflict):
    """The fencing token shown is not that of the live lease; facts: resource, current (null: nobody's)."""

    code = "fencing_token_stale"


class ResourceInvalid(Invalid):
    """No resource has such a name; the message says what is wrong with it."""

    code = "resource_invalid"


class NotTheHolder(Denied):
    """Somebody else holds that lease; facts: lock_id."""

    code = "not_the_holder"


class LeaseNotFound(NotFound):
    """An operator named a lease that nobody holds."""

    code = "lease_not_found"


class StateFileRefused(Invalid):
    """What somebody wrote into a state file by hand; it is kept aside."""

    code = "state_file_refused"


class StateUnusable(Invalid):
    """The folder of state files cannot be used as it is; facts: path."""

    code = "state_unusable"


class StoreRefused(Conflict):
    """The home cannot keep its state that way."""

    code = "store_refused"
