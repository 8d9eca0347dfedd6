"""Which recordings and transcripts have been kept for long enough. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Kept:
    """What is kept of one run; `touched_at` is when something was last written to it."""

    run_id: str
    size_bytes: int
    touched_at: datetime


@dataclass(frozen=True)
class Keeping:
    """How long and how much; 0 is for ever, and without a limit."""

    days: float
    size_bytes: int


def over_age(kept: Sequence[Kept], keeping: Keeping, now: datetime) -> Iterator[Kept]:
    """Oldest first."""
    if keeping.days:
        edge = now - timedelta(days=keeping.days)
        yield from (one for one in _oldest_first(kept) if one.touched_at < edge)


def over_size(kept: Sequence[Kept], keeping: Keeping) -> tuple[int, Sequence[Kept]]:
    """How many bytes there are too many, and all there is, oldest first."""
    total = sum(one.size_bytes for one in kept)
    return (max(total - keeping.size_bytes, 0) if keeping.size_bytes else 0), _oldest_first(kept)


def _oldest_first(kept: Sequence[Kept]) -> Sequence[Kept]:
    return sorted(kept, key=lambda one: (one.touched_at, one.run_id))
