"""Tasks and leases as values, the table of a task's moves, who may take a lease, what each write reports.

queued ─► claimed ─► in_progress ─► review ─► approved ─► merging ─► done
   ▲         │            │  ▲         │          │           │
   └─────────┴────────────┘  └─────────┘◄─────────┘◄──────────┘  (changes asked, conflict)
blocked beside the line (needs a person), cancelled the other way out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from kyros.collab.errors import LeaseHeld, LeaseLost
from kyros.events.model import NewEvent
from kyros.kernel.clock import from_text, to_text
from kyros.kernel.states import StateTable


class TaskStatus(StrEnum):
    QUEUED = "queued"
    CLAIMED = "claimed"
    IN_PROGRESS = "in_progress"
    REVIEW = "review"
    APPROVED = "approved"
    MERGING = "merging"
    DONE = "done"
    BLOCKED = "blocked"
    CANCELLED = "cancelled"


_S = TaskStatus
TASK_MOVES: StateTable[TaskStatus] = StateTable(
    "task",
    {
        _S.QUEUED: frozenset({_S.CLAIMED, _S.BLOCKED, _S.CANCELLED}),
        _S.CLAIMED: frozenset({_S.IN_PROGRESS, _S.QUEUED, _S.BLOCKED, _S.CANCELLED}),
        _S.IN_PROGRESS: frozenset({_S.REVIEW, _S.QUEUED, _S.BLOCKED, _S.CANCELLED}),
        _S.REVIEW: frozenset({_S.APPROVED, _S.IN_PROGRESS, _S.QUEUED, _S.BLOCKED, _S.CANCELLED}),
        _S.APPROVED: frozenset({_S.MERGING, _S.REVIEW, _S.CANCELLED}),
        _S.MERGING: frozenset({_S.DONE, _S.REVIEW}),
        _S.BLOCKED: frozenset({_S.QUEUED, _S.CLAIMED, _S.IN_PROGRESS, _S.REVIEW, _S.CANCELLED}),
        _S.CANCELLED: frozenset({_S.QUEUED}),
        _S.DONE: frozenset(),
    },
)


@dataclass(frozen=True)
class NewTask:
    """What is wanted, already checked at the door."""

    project_id: str
    title: str
    objective: str
    constraints: str
    acceptance_criteria: Sequence[str]


@dataclass(frozen=True)
class Task:
    """`id` reads T-100; `version` grows with every write."""

    id: str
    project_id: str
    title: str
    objective: str
    constraints: str
    acceptance_criteria: Sequence[str]
    status: TaskStatus
    version: int
    created_at: str
    updated_at: str


@dataclass(frozen=True)
class Lease:
    """The exclusive, expiring, fenced right to `resource`. Times are RFC 3339 UTC."""

    lock_id: str
    resource: str
    holder: str
    fencing_token: int
    acquired_at: str
    heartbeat_at: str
    ttl_seconds: float

    @property
    def expires_at(self) -> datetime:
        """From this moment it no longer counts, unless a heartbeat came before."""
        return from_text(self.heartbeat_at) + timedelta(seconds=self.ttl_seconds)

    def is_live(self, now: datetime) -> bool:
        return now < self.expires_at

    def beaten(self, now: datetime) -> "Lease":
        """The same lease, its holder heard of just now."""
        return replace(self, heartbeat_at=to_text(now))


class Reclaim(StrEnum):
    """Why a lease was taken back from its holder."""

    EXPIRED = "expired"
    HOLDER_GONE = "holder_gone"


def refuse_if_held(found: Iterable[Lease], holder: str, now: datetime) -> None:
    """Raise LeaseHeld when a live lease of somebody else is among `found`: of several, the longest."""
    foreign = [lease for lease in found if lease.holder != holder and lease.is_live(now)]
    if not foreign:
        return
    longest = max(foreign, key=lambda lease: lease.expires_at)
    left = longest.expires_at - now
    raise LeaseHeld(
        f"{longest.resource} is held by {longest.holder}: wait for it or stop it.",
        resource=longest.resource,
        holder=longest.holder,
        retry_after_ms=max(1, -(-left // timedelta(milliseconds=1))),
    )


def refuse_if_lost(found: Iterable[Lease], resources: Sequence[str], holder: str, now: datetime) -> None:
    """Raise LeaseLost unless `found` has a live lease of the holder on every resource."""
    kept = {lease.resource for lease in found if lease.holder == holder and lease.is_live(now)}
    lost = [resource for resource in resources if resource not in kept]
    if lost:
        raise LeaseLost(
            f"{holder} no longer holds {', '.join(lost)}: the lease ran out or was taken back; "
            "stop that work and acquire it anew.",
            holder=holder,
            resources=lost,
        )


def task_created(task: Task, actor: str) -> NewEvent:
    return NewEvent("task_created", actor, task.id, {"title": task.title, "project_id": task.project_id})


def task_moved(old: Task, to: TaskStatus, actor: str, note: str) -> NewEvent:
    details = {"old_status": old.status.value, "new_status": to.value, "note": note}
    return NewEvent("task_moved", actor, old.id, details)


def lease_acquired(lease: Lease) -> NewEvent:
    return NewEvent("lease_acquired", lease.holder, lease.resource, _facts(lease))


def lease_released(lease: Lease) -> NewEvent:
    return NewEvent("lease_released", lease.holder, lease.resource, _facts(lease))


def lease_reclaimed(lease: Lease, actor: str, why: Reclaim) -> NewEvent:
    details = {**_facts(lease), "holder": lease.holder, "reason": why.value}
    return NewEvent("lease_reclaimed", actor, lease.resource, details)


def _facts(lease: Lease) -> dict[str, object]:
    """A lease on a task is found under the task as well (EventFilter.target)."""
    facts: dict[str, object] = {"lock_id": lease.lock_id, "fencing_token": lease.fencing_token}
    kind, _, name = lease.resource.partition(":")
    return {**facts, "task_id": name} if kind == "task" else facts
