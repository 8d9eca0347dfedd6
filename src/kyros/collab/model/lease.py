"""Leases as values: who may take one, when it is over, what each write reports."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from kyros.collab.errors import LeaseHeld, LeaseLost
from kyros.events.model import NewEvent
from kyros.kernel.clock import from_text, to_text
from kyros.kernel.etag import digest_of

MIN_TTL_SECONDS = 1.0
MAX_TTL_SECONDS = 86_400.0
_UNSEEN = timedelta(seconds=5)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Lease:
    """The exclusive, expiring, fenced right to `resource`. Leases taken together share a `lock_id` and
    live and expire together. Times are RFC 3339 UTC; from `expires_at` on it no longer counts, unless a
    heartbeat came before."""

    lock_id: str
    resource: str
    holder: str
    fencing_token: int
    acquired_at: str
    heartbeat_at: str
    expires_at: str
    ttl_seconds: float

    def is_live(self, now: datetime) -> bool:
        return to_text(now) < self.expires_at

    def left(self, now: datetime) -> timedelta:
        """How long it still counts without a heartbeat: never more than one TTL, whatever became of the
        clock."""
        left = from_text(self.expires_at) - now
        return min(max(timedelta(), left), timedelta(seconds=self.ttl_seconds))

    def left_ms(self, now: datetime) -> int:
        """The same in whole milliseconds, rounded up."""
        return -(-self.left(now) // _MILLISECOND)

    def is_overlong(self, now: datetime) -> bool:
        """The clock was set back: it would count for longer than one TTL from now."""
        return from_text(self.expires_at) - now > timedelta(seconds=self.ttl_seconds)

    def beaten(self, now: datetime) -> "Lease":
        """The same lease, its holder heard of just now."""
        return replace(self.prolonged(now), heartbeat_at=to_text(now))

    def prolonged(self, now: datetime) -> "Lease":
        """The same lease with one TTL from now, whether or not its holder was heard of."""
        return replace(self, expires_at=to_text(now + timedelta(seconds=self.ttl_seconds)))

    def document(self) -> dict[str, object]:
        """As it stands in state files and answers."""
        return asdict(self)

    @property
    def digest(self) -> int:
        return digest_of(self.document())


@dataclass(frozen=True)
class Waiter:
    """Somebody who waits for resources; earlier tickets go first. Not heard of since `seen_at` for long,
    or past `until`: gone. Times are RFC 3339 UTC."""

    ticket: int
    holder: str
    resources: Sequence[str]
    seen_at: str
    until: str

    def is_there(self, now: datetime) -> bool:
        """Heard of within five seconds, before or (the clock was set back) after now."""
        return to_text(now) < self.until and abs(now - from_text(self.seen_at)) <= _UNSEEN


class Reclaim(StrEnum):
    """Why a lease was taken back from its holder."""

    EXPIRED = "expired"
    HOLDER_GONE = "holder_gone"
    BY_OPERATOR = "by_operator"


def refuse_if_held(found: Iterable[Lease], holder: str, now: datetime) -> None:
    """Raise LeaseHeld when a live lease of somebody else is among `found`: of several, the longest."""
    foreign = [lease for lease in found if lease.holder != holder and lease.is_live(now)]
    if not foreign:
        return
    longest = max(foreign, key=lambda lease: lease.left(now))
    raise LeaseHeld(
        f"{longest.resource} is held by {longest.holder}: wait for it or stop it.",
        resource=longest.resource,
        holder=longest.holder,
        retry_after_ms=max(1, longest.left_ms(now)),
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


def lease_acquired(lease: Lease, project_id: str | None) -> NewEvent:
    return NewEvent("lease_acquired", lease.holder, lease.resource, _facts(lease, project_id))


def lease_released(lease: Lease, project_id: str | None) -> NewEvent:
    return NewEvent("lease_released", lease.holder, lease.resource, _facts(lease, project_id))


def lease_reclaimed(lease: Lease, actor: str, why: Reclaim, project_id: str | None) -> NewEvent:
    details = {**_facts(lease, project_id), "holder": lease.holder, "reason": why.value}
    return NewEvent("lease_reclaimed", actor, lease.resource, details)


def _facts(lease: Lease, project_id: str | None) -> dict[str, object]:
    """A lease on a task is found under the task as well (EventFilter.target)."""
    facts: dict[str, object] = {"lock_id": lease.lock_id, "fencing_token": lease.fencing_token}
    if project_id is not None:
        facts["project_id"] = project_id
    kind, _, name = lease.resource.partition(":")
    return {**facts, "task_id": name} if kind == "task" else facts
