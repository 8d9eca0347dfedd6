"""Projects, pull requests and checks as values.

pull: open ─► merged
        └───► closed ─► open
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from kyros.kernel.states import StateTable


class PullState(StrEnum):
    OPEN = "open"
    MERGED = "merged"
    CLOSED = "closed"


PULL_MOVES: StateTable[PullState] = StateTable(
    "pull request",
    {
        PullState.OPEN: frozenset({PullState.MERGED, PullState.CLOSED}),
        PullState.CLOSED: frozenset({PullState.OPEN}),
        PullState.MERGED: frozenset(),
    },
)


class Verdict(StrEnum):
    PENDING = "pending"
    PASSED = "passed"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    NOT_CONFIGURED = "not_configured"


@dataclass(frozen=True)
class Project:
    """One repository Kyros works on. `source` is the path or URL it came from; `name` is unique."""

    id: str
    name: str
    source: str
    default_base: str
    created_at: str


@dataclass(frozen=True)
class Adopted:
    """A project ready for work; `notes` are sentences for the person (a dirty clone, say)."""

    project: Project
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Branch:
    """`base_sha` is the commit of the base it grew from."""

    name: str
    head_sha: str
    base: str
    base_sha: str


@dataclass(frozen=True)
class Commit:
    """Who, what and when of a commit that a room asks for; `when` in whole seconds since 1970."""

    message: str
    author_name: str
    author_email: str
    when: int


@dataclass(frozen=True)
class Check:
    """The verdict of one command on one commit; `output` is its last lines."""

    name: str
    verdict: Verdict
    summary: str
    output: str = ""
    head_sha: str = ""
    duration_ms: int = 0


@dataclass(frozen=True)
class NewPull:
    project_id: str
    title: str
    body: str
    head: str
    base: str


@dataclass(frozen=True)
class Pull:
    """`number` counts per project; `merge_sha` is set once merged."""

    id: str
    project_id: str
    project_name: str
    number: int
    title: str
    body: str
    state: PullState
    head: str
    base: str
    head_sha: str
    base_sha: str
    merge_sha: str | None
    checks: Sequence[Check]
    created_at: str
    updated_at: str
