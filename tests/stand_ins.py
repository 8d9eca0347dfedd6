"""What suites put in place of the world: a clock that moves when told, an outbox that remembers."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from kyros.events.model import NewEvent


class Clock:
    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 20, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def advance(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


class Outbox:
    """Remembers what was appended; refuses everything once `broken`."""

    def __init__(self) -> None:
        self.events: list[NewEvent] = []
        self.broken = False

    def append_in(self, transaction: Any, events: Sequence[NewEvent]) -> None:
        if self.broken:
            raise OSError("no room for events")
        self.events += events

    def names(self) -> list[str]:
        return [event.event for event in self.events]
