"""Tasks as values, the table of their moves, what each write reports.

queued ─► claimed ─► in_progress ─► review ─► approved ─► merging ─► done
   ▲         │            │  ▲         │ ▲        │           │
   │         │            │  └─────────┤ └────────┴───────────┘  (changes asked; conflict)
   └─────────┴────────────┴────────────┘                         (its holder is lost)
blocked beside the line: from queued up to review, and back to where it was; cancelled the other way
out, up to approved, and back to queued. What merges is neither blocked nor cancelled; done is final.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Any

from kyros.events.model import NewEvent
from kyros.kernel.etag import digest_of, etag_of
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


class Priority(StrEnum):
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


@dataclass(frozen=True)
class ChecklistItem:
    """One line of the definition of done."""

    text: str
    done: bool = False


@dataclass(frozen=True)
class Budget:
    """What work on the task may cost; None is no limit of its own."""

    tokens: int | None = None
    usd: float | None = None
    minutes: float | None = None

    def document(self) -> dict[str, object]:
        return {"tokens": self.tokens, "usd": self.usd, "minutes": self.minutes}


@dataclass(frozen=True)
class NewTask:
    """What is wanted, already checked at the door. `id` is only given by a seed."""

    project_id: str
    title: str
    objective: str
    constraints: str
    acceptance_criteria: Sequence[str]
    checklist: Sequence[ChecklistItem] = ()
    depends_on: Sequence[str] = ()
    priority: Priority = Priority.NORMAL
    labels: Sequence[str] = ()
    assignee: str | None = None
    estimate_minutes: float | None = None
    budget: Budget = Budget()
    id: str | None = None


@dataclass(frozen=True)
class Task:
    """`id` reads T-100; `version` grows with every write. `facts` are what rooms above have proven about
    it (`run_id`, `run_status`, `run_reason`, `pull_id`, `pull_status`, `checks`), and `blocked_for`:
    `dependencies` while it is blocked for nothing else; strings only."""

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
    checklist: Sequence[ChecklistItem] = ()
    depends_on: Sequence[str] = ()
    priority: Priority = Priority.NORMAL
    labels: Sequence[str] = ()
    assignee: str | None = None
    estimate_minutes: float | None = None
    budget: Budget = Budget()
    facts: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, object]:
        """As it stands in state files and answers; `task_of` is the inverse."""
        return {
            "id": self.id,
            "project_id": self.project_id,
            "title": self.title,
            "objective": self.objective,
            "constraints": self.constraints,
            "acceptance_criteria": list(self.acceptance_criteria),
            "status": self.status.value,
            "checklist": [{"text": one.text, "done": one.done} for one in self.checklist],
            "depends_on": list(self.depends_on),
            "priority": self.priority.value,
            "labels": list(self.labels),
            "assignee": self.assignee,
            "estimate_minutes": self.estimate_minutes,
            "budget": self.budget.document(),
            "facts": dict(self.facts),
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "version": self.version,
        }

    @cached_property
    def digest(self) -> int:
        return digest_of(self.document())

    @property
    def etag(self) -> str:
        return etag_of(self.version, self.digest)


@dataclass(frozen=True)
class TaskChange:
    """What a patch puts in place: fields of `Task` in its own types, and parts of its budget."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    budget: Mapping[str, Any] = field(default_factory=dict)

    def on(self, task: Task) -> Task:
        """The task with the change, its version as before."""
        if not self.budget:
            return replace(task, **self.fields)
        old: Budget = self.fields.get("budget", task.budget)
        return replace(task, **{**self.fields, "budget": replace(old, **self.budget)})


@dataclass(frozen=True)
class TaskQuery:
    """Filters of a page; None matches everything. `text` finds tasks that have a word beginning with each
    of its words in id, title, objective, constraints, criteria, checklist or labels, whatever the case.
    `projects` are those the caller may see (None: all). Newest first, ids below `before`."""

    status: TaskStatus | None = None
    project_id: str | None = None
    assignee: str | None = None
    label: str | None = None
    text: str | None = None
    projects: frozenset[str] | None = None
    before: str | None = None
    limit: int = 100


def task_of(document: Mapping[str, Any]) -> Task:
    """The inverse of `Task.document`, for documents of our own: nothing is checked."""
    return Task(
        **{
            **document,
            "acceptance_criteria": tuple(document["acceptance_criteria"]),
            "status": TaskStatus(document["status"]),
            "checklist": tuple(ChecklistItem(**one) for one in document["checklist"]),
            "depends_on": tuple(document["depends_on"]),
            "priority": Priority(document["priority"]),
            "labels": tuple(document["labels"]),
            "budget": Budget(**document["budget"]),
            "facts": dict(document["facts"]),
        }
    )


def changed_fields(old: Task, new: Task) -> Sequence[str]:
    """Names of the fields a person may set that differ, in the order of the document."""
    return [name for name in _SET_BY_PEOPLE if not _same(getattr(old, name), getattr(new, name))]


def task_created(task: Task, actor: str) -> NewEvent:
    details = {"title": task.title, "project_id": task.project_id, "version": task.version}
    return NewEvent("task_created", actor, task.id, details)


def task_changed(old: Task, new: Task, fields: Sequence[str], actor: str) -> NewEvent:
    """Names every field that changed; of the short ones what they were and what they are."""
    short = [name for name in fields if name in _SHORT]
    details = {
        "project_id": new.project_id,
        "version": new.version,
        "fields": list(fields),
        "old": {name: _plain(getattr(old, name)) for name in short},
        "new": {name: _plain(getattr(new, name)) for name in short},
    }
    return NewEvent("task_changed", actor, new.id, details)


def task_moved(old: Task, to: TaskStatus, actor: str, note: str) -> NewEvent:
    details = {
        "project_id": old.project_id,
        "version": old.version + 1,
        "old_status": old.status.value,
        "new_status": to.value,
        "note": note,
    }
    return NewEvent("task_moved", actor, old.id, details)


def task_freed(task: Task, by: str, actor: str) -> NewEvent:
    """`by` is what it waited for last: the dependency now finished, or those taken away."""
    return NewEvent("task_freed", actor, task.id, {"project_id": task.project_id, "by": by})


def _same(old: object, new: object) -> bool:
    """A list and a tuple of the same entries are the same."""
    if isinstance(old, list | tuple) and isinstance(new, list | tuple):
        return list(old) == list(new)
    return old == new


def _plain(value: object) -> object:
    if isinstance(value, Budget):
        return value.document()
    return list(value) if isinstance(value, tuple) else value


_SHORT = frozenset({"title", "depends_on", "priority", "labels", "assignee", "estimate_minutes", "budget"})
_SET_BY_PEOPLE = (
    "title", "objective", "constraints", "acceptance_criteria", "checklist", "depends_on", "priority",
    "labels", "assignee", "estimate_minutes", "budget",
)  # fmt: skip
