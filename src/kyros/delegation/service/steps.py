"""What a step is to the walker: a name, a function, what it made, and the reason an error stands for."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from kyros.collab.errors import FenceStale, LeaseHeld, LeaseLost
from kyros.collab.model import Fence, Task, Writer
from kyros.collab.service.leases import Leases
from kyros.delegation.errors import SettingsInvalid, StepFailed
from kyros.delegation.model import Reason, Run, StepName
from kyros.drivers.errors import AgentNotInstalled
from kyros.fleet.errors import AgentKeepsFailing, BudgetReached, PoolBusy, PushRefused
from kyros.forge.errors import BranchMoved
from kyros.kernel.errors import Busy, DiskFull, KyrosError, Upstream


@dataclass(frozen=True)
class Made:
    """What a step leaves for those after it; `note` is one line for the person."""

    data: Mapping[str, object] = field(default_factory=dict)
    note: str = ""


StepFunction = Callable[[Run, Task], Awaitable[Made]]
Steps = Mapping[StepName, StepFunction]

_REASONS: tuple[tuple[type[KyrosError], Reason], ...] = (
    (AgentNotInstalled, Reason.AGENT_NOT_INSTALLED),
    (AgentKeepsFailing, Reason.AGENT_BUSY),
    (PoolBusy, Reason.AGENT_BUSY),
    (BudgetReached, Reason.BUDGET),
    (LeaseHeld, Reason.LEASE_HELD),
    (LeaseLost, Reason.LEASE_LOST),
    (FenceStale, Reason.LEASE_LOST),
    (SettingsInvalid, Reason.SETTINGS_INVALID),
    (BranchMoved, Reason.BRANCH_MOVED),
    (PushRefused, Reason.BRANCH_MOVED),
    (DiskFull, Reason.DISK_FULL),
    (Busy, Reason.GIT_BUSY),
    (Upstream, Reason.GIT_BUSY),
    (KyrosError, Reason.REFUSED),
)


def reason_of(error: Exception) -> Reason:
    """The code for an error; what no rule knows is our own defect."""
    if isinstance(error, StepFailed):
        return Reason(str(error.facts["reason"]))
    return next((reason for kind, reason in _REASONS if isinstance(error, kind)), Reason.INTERNAL)


def failed(reason: Reason, message: str) -> StepFailed:
    return StepFailed(message, reason=reason.value)


def resources_of(run: Run) -> list[str]:
    """What a run leases for as long as it works."""
    return [f"task:{run.task_id}", f"branch:{run.project_id}/{run.branch}"]


async def writer_of(run: Run, actor: str, leases: Leases, ttl_seconds: float) -> Writer:
    """`actor` at work on the run's task, showing the run's lease on it: taken, or kept. Raises LeaseHeld."""
    task, *_ = await leases.acquire(resources_of(run), run.id, ttl_seconds)
    return Writer(actor, Fence(task.resource, run.id, task.fencing_token))
