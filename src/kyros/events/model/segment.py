"""What the index says of a full segment of the file, and whether a filter can find anything in it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from kyros.events.model.event import Event, EventFilter, kin_of

MOST_NAMES = 500
"""More distinct ones than this are not listed: then anything may be in it."""


@dataclass(frozen=True)
class Segment:
    """`digest` is the SHA-256 of the file. Lists are sorted; None where there were too many."""

    file: str
    first: int
    last: int
    earliest: str
    latest: str
    size_bytes: int
    digest: str
    events: list[str] | None
    actors: list[str] | None
    tasks: list[str] | None
    projects: list[str] | None

    def document(self) -> dict[str, object]:
        return asdict(self)

    def may_hold(self, match: EventFilter) -> bool:
        """False when no event in it can pass."""
        return (
            (match.since is None or match.since <= self.latest)
            and (match.event is None or _among(self.events, match.event))
            and (match.actor is None or _among(self.actors, match.actor))
            and (match.task is None or _among(self.tasks, match.task))
            and (
                match.projects is None
                or self.projects is None
                or not match.projects.isdisjoint(self.projects)
            )
        )


@dataclass
class Summary:
    """Gathers a segment's entry, line by line."""

    first: int = 0
    last: int = 0
    earliest: str = ""
    latest: str = ""
    _names: Mapping[str, set[str]] = field(
        default_factory=lambda: {"events": set(), "actors": set(), "tasks": set(), "projects": set()}
    )

    def add(self, event: Event) -> None:
        self.first = self.first or event.id
        self.last = event.id
        self.earliest = min(self.earliest or event.ts, event.ts)
        self.latest = max(self.latest, event.ts)
        kin = kin_of(event)
        self._note("events", event.event)
        self._note("actors", event.actor)
        self._note("tasks", event.target)
        self._note("tasks", kin["task_id"])
        self._note("projects", kin["project_id"])

    def segment(self, file: str, size_bytes: int, digest: str) -> Segment:
        return Segment(
            file, self.first, self.last, self.earliest, self.latest, size_bytes, digest, **self._listed()
        )

    def _note(self, what: str, name: str | None) -> None:
        if name is not None and len(self._names[what]) <= MOST_NAMES:
            self._names[what].add(name)

    def _listed(self) -> dict[str, Any]:
        return {
            what: sorted(names) if len(names) <= MOST_NAMES else None for what, names in self._names.items()
        }


def _among(names: list[str] | None, name: str) -> bool:
    return names is None or name in names
