"""Leases over the wire: bodies refused when unknown or too large, and the shapes of answers."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from kyros.collab.errors import ResourceInvalid
from kyros.collab.model import Lease
from kyros.collab.model.lease import MAX_TTL_SECONDS, MIN_TTL_SECONDS
from kyros.collab.model.resource import MAX_CHARACTERS

_MAX_TOGETHER = 32
_MAX_WAIT_SECONDS = 50

ResourceName = Annotated[str, Field(min_length=1, max_length=MAX_CHARACTERS)]
LockId = Annotated[str, Field(min_length=1, max_length=100)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AcquireRequest(_Request):
    """One `resource` or several `resources`, all or none. The holder is whoever asks. `wait_seconds` stands
    in line that long."""

    resource: ResourceName | None = None
    resources: Annotated[list[ResourceName], Field(min_length=1, max_length=_MAX_TOGETHER)] | None = None
    ttl_seconds: float = Field(ge=MIN_TTL_SECONDS, le=MAX_TTL_SECONDS, allow_inf_nan=False, strict=True)
    wait_seconds: float = Field(0, ge=0, le=_MAX_WAIT_SECONDS, allow_inf_nan=False, strict=True)

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.resource is None) == (self.resources is None):
            raise ResourceInvalid("Name one `resource`, or several as `resources`.")
        return self

    @property
    def wanted(self) -> Sequence[str]:
        return self.resources if self.resources is not None else [str(self.resource)]


class ReclaimRequest(_Request):
    """Nothing: all leases that have run out. `lock_id` or `resource`: that lock, live or not."""

    lock_id: LockId | None = None
    resource: ResourceName | None = None

    @model_validator(mode="after")
    def _not_both(self) -> Self:
        if self.lock_id is not None and self.resource is not None:
            raise ResourceInvalid("Name `lock_id` or `resource`, not both.")
        return self


class LeaseListQuery(BaseModel):
    """The filters of a page; those left out match everything."""

    model_config = ConfigDict(extra="forbid")

    holder: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    resource: ResourceName | None = Field(None, description="Only resources that begin so.")
    live: bool | None = Field(None, description="Only those that count, or only those that have run out.")
    limit: int = Field(50, ge=1, le=200)
    cursor: ResourceName | None = Field(None, description="`next_cursor` of the page before.")

    def matches(self, lease: Lease, now: datetime) -> bool:
        return (
            (self.holder is None or lease.holder == self.holder)
            and (self.resource is None or lease.resource.startswith(self.resource))
            and (self.live is None or lease.is_live(now) is self.live)
            and (self.cursor is None or lease.resource > self.cursor)
        )


class LeaseView(BaseModel):
    """A lease that has run out (`live` is false) counts for nothing and is soon taken back."""

    lock_id: str
    resource: str
    holder: str
    fencing_token: int
    acquired_at: str
    heartbeat_at: str
    expires_at: str
    ttl_seconds: float
    live: bool
    expires_in_ms: int


class LeasePage(BaseModel):
    """By resource. `next_cursor` says where to go on; null when the page is the last."""

    items: list[LeaseView]
    next_cursor: str | None


class LockView(BaseModel):
    """What is held under one lock: kept alive, released and lost together. `fencing_token` is that of the
    first of `leases`, which stand in the order asked; `expires_in_ms` is without a heartbeat."""

    lock_id: str
    fencing_token: int
    expires_in_ms: int
    holder: str
    ttl_seconds: float
    leases: list[LeaseView]


class Released(BaseModel):
    ok: bool


class Reclaimed(BaseModel):
    """What was taken back, as it was."""

    ok: bool
    leases: list[LeaseView]


def lease_view(lease: Lease, now: datetime) -> Mapping[str, object]:
    left = {"live": lease.is_live(now), "expires_in_ms": lease.left_ms(now)}
    return {**lease.document(), **left}


def lock_view(leases: Sequence[Lease], now: datetime) -> Mapping[str, object]:
    first = leases[0]
    return {
        "lock_id": first.lock_id,
        "fencing_token": first.fencing_token,
        "expires_in_ms": min(lease.left_ms(now) for lease in leases),
        "holder": first.holder,
        "ttl_seconds": first.ttl_seconds,
        "leases": [lease_view(lease, now) for lease in leases],
    }
