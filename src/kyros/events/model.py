"""An event as it is written and as it is read. Pure values."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class NewEvent:
    """What a room reports: `event` in the past tense, `target` the id it happened to."""

    event: str
    actor: str
    target: str
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Event:
    """One numbered fact. `ts` is RFC 3339 UTC."""

    id: int
    ts: str
    event: str
    actor: str
    target: str
    details: Mapping[str, object]


@dataclass(frozen=True)
class EventFilter:
    """Empty fields match everything; `target` also matches details.run_id, .task_id and .pull_id, `task`
    only target and details.task_id; `since` is RFC 3339 UTC as in `Event.ts`."""

    event: str | None = None
    actor: str | None = None
    target: str | None = None
    task: str | None = None
    since: str | None = None


KIN = ("run_id", "task_id", "pull_id")
"""Details that name what else an event concerns: a filter by target finds them too."""


def matches(event: Event, match: EventFilter) -> bool:
    """Whether the event passes the filter."""
    concerned = (event.target, *(event.details.get(name) for name in KIN))
    return (
        (match.event is None or event.event == match.event)
        and (match.actor is None or event.actor == match.actor)
        and (match.target is None or match.target in concerned)
        and (match.task is None or match.task in (event.target, event.details.get("task_id")))
        and (match.since is None or event.ts >= match.since)
    )
