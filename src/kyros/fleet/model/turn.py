"""A turn, its approvals and what it changed, as values."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kyros.collab.model import Budget
from kyros.drivers.model import ResultKind, Tier, Usage
from kyros.fleet.model.approval import Approval


@dataclass(frozen=True)
class TurnOrder:
    """One prompt to one agent in one worktree; `budget` and `task_budget` are what the run and the task
    themselves allow."""

    run_id: str
    agent: str
    prompt: str
    worktree: Path
    timeout_seconds: float
    wake_reason: str
    project_id: str | None = None
    task_id: str | None = None
    budget: Budget = field(default_factory=Budget)
    task_budget: Budget = field(default_factory=Budget)


@dataclass(frozen=True)
class Turn:
    """The row a turn leaves. `ended_at` and `result_kind` are None while it works (or was cut off).
    `session_id` is that of a program started ahead. While it works, usage and duration are those of the last
    note, so that a crash loses little of what was spent."""

    id: str
    run_id: str
    agent: str
    tier: Tier
    wake_reason: str
    started_at: str
    ended_at: str | None = None
    duration_ms: int | None = None
    result_kind: ResultKind | None = None
    evidence: str = ""
    note: str = ""
    bytes_streamed: int = 0
    usage: Usage = field(default_factory=Usage)
    approvals: Sequence[Approval] = ()
    project_id: str | None = None
    task_id: str | None = None
    session_id: str | None = None

    @property
    def tool_call_count(self) -> int | None:
        """None when calls were not counted."""
        calls = self.usage.tool_calls
        return None if calls is None else sum(calls.values())

    def facts(self) -> dict[str, object]:
        """What each of its events says."""
        return {
            "run_id": self.run_id,
            "task_id": self.task_id,
            "project_id": self.project_id,
            "turn_id": self.id,
        }


BUDGET_EVIDENCE = "budget"
"""Of a turn that was stopped because a budget was used up."""

LIMIT_EVIDENCE = "usage_limit"
"""Of a turn that ended because its vendor takes no more work for now."""

CUT_OFF = "Cut off: the worker ended in the middle of it."
"""The note of a turn that a crash left without an end."""


@dataclass(frozen=True)
class Change:
    """One path that differs from where the branch began. `is_new`: not in that commit. A path that ends
    with a slash is a repository made within."""

    path: str
    is_new: bool
    size_bytes: int = field(default=0, compare=False)


@dataclass(frozen=True)
class SecretFinding:
    """Where something looks like a secret. Never its value."""

    path: str
    line: int
    kind: str


@dataclass(frozen=True)
class CheckResult:
    """How a project's check command ended; `exit_code` is None after a time-out."""

    exit_code: int | None
    output: str
    duration_ms: int
