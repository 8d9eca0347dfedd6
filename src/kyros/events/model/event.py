"""An event as it is written and as it is read, and which of them a filter lets through."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class NewEvent:
    """What a room reports: `event` in the past tense, `target` the id it happened to. Details that concern
    a project carry `project_id`: whoever may see single projects only sees no other event."""

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

    def document(self) -> dict[str, object]:
        """As it stands in answers, in the tail and in the file."""
        return {
            "id": self.id,
            "ts": self.ts,
            "event": self.event,
            "actor": self.actor,
            "target": self.target,
            "details": dict(self.details),
        }


@dataclass(frozen=True)
class EventFilter:
    """Empty fields match everything; `target` also matches details.run_id, .task_id, .pull_id and
    .project_id, `task` only target and details.task_id; `since` is RFC 3339 UTC as in `Event.ts`;
    `projects` lets through only events whose details.project_id is one of them."""

    event: str | None = None
    actor: str | None = None
    target: str | None = None
    task: str | None = None
    since: str | None = None
    projects: frozenset[str] | None = None


EVERYTHING = EventFilter()
KIN = ("run_id", "task_id", "pull_id", "project_id")
"""Details that name what else an event concerns: a filter by target finds them too."""

_KIN_LIMIT = 200


def kin_of(event: NewEvent | Event) -> dict[str, str | None]:
    """The ids of KIN; None for those that are absent or no id at all."""
    return {name: _id(event.details.get(name)) for name in KIN}


def matches(event: Event, match: EventFilter) -> bool:
    """Whether the event passes the filter."""
    return (
        (match.event is None or event.event == match.event)
        and (match.actor is None or event.actor == match.actor)
        and (match.since is None or event.ts >= match.since)
        and (match.target is None or _concerns(event, match.target, KIN))
        and (match.task is None or _concerns(event, match.task, ("task_id",)))
        and (match.projects is None or _id(event.details.get("project_id")) in match.projects)
    )


def _concerns(event: Event, wanted: str, names: tuple[str, ...]) -> bool:
    return event.target == wanted or any(_id(event.details.get(name)) == wanted for name in names)


def _id(value: object) -> str | None:
    fits = isinstance(value, str) and len(value) <= _KIN_LIMIT and "\0" not in value
    return str(value) if fits else None
