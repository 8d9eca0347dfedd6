"""Time as the rooms see it: aware UTC datetimes, RFC 3339 text, clocks passed in."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The wall clock, in UTC."""
    return datetime.now(UTC)


def to_text(moment: datetime) -> str:
    """RFC 3339 with microseconds and Z; sorts as text in the order of time."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def from_text(text: str) -> datetime:
    """The inverse of to_text."""
    return datetime.fromisoformat(text)
