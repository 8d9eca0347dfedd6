"""Runs, their steps and the closed list of reasons. Pure.

queued ─► running ─► succeeded
  ▲  │      │ ▲  └──► failed(reason) | timed_out      retry: a new attempt of the same run
  │  └──►───┼─┼─────► cancelled
  │         ▼ │
  │       blocked                                     a person is asked: approvals wait for an answer
  └───────────┴── failed, timed_out, cancelled        (retry)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from kyros.collab.model import Budget
from kyros.fleet.model import Spent
from kyros.fleet.model.budget import granted
from kyros.kernel.states import MoveRefused, StateTable


class RunStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    BLOCKED = "blocked"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"


_R = RunStatus
RUN_MOVES: StateTable[RunStatus] = StateTable(
    "run",
    {
        _R.QUEUED: frozenset({_R.RUNNING, _R.FAILED, _R.CANCELLED}),
        _R.RUNNING: frozenset({_R.QUEUED, _R.BLOCKED, _R.SUCCEEDED, _R.FAILED, _R.CANCELLED, _R.TIMED_OUT}),
        _R.BLOCKED: frozenset({_R.RUNNING, _R.QUEUED, _R.FAILED, _R.CANCELLED}),
        _R.FAILED: frozenset({_R.QUEUED}),
        _R.TIMED_OUT: frozenset({_R.QUEUED}),
        _R.CANCELLED: frozenset({_R.QUEUED}),
        _R.SUCCEEDED: frozenset(),
    },
)
ENDED = frozenset({_R.SUCCEEDED, _R.FAILED, _R.CANCELLED, _R.TIMED_OUT})


class StepName(StrEnum):
    """In the order they are walked."""

    BRANCH = "branch"
    PULL_REQUEST = "pull_request"
    LEASE = "lease"
    WORKTREE = "worktree"
    TURN = "turn"
    CHECKS = "checks"
    COMMIT = "commit"
    PUSH = "push"
    REPORT = "report"


STEP_TITLES: Mapping[StepName, str] = {
    StepName.BRANCH: "Open the branch with TASK.md",
    StepName.PULL_REQUEST: "Open the pull request",
    StepName.LEASE: "Lease the task and the branch",
    StepName.WORKTREE: "Lay out the worktree",
    StepName.TURN: "Let the agent work",
    StepName.CHECKS: "Run the project's checks",
    StepName.COMMIT: "Commit what belongs",
    StepName.PUSH: "Push to the branch",
    StepName.REPORT: "Report on the pull request",
}


class StepStatus(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Reason(StrEnum):
    """Why a run did not succeed. A closed list: REASONS says of each what to do and whether we retry."""

    AGENT_NOT_INSTALLED = "agent_not_installed"
    AGENT_FAILED = "agent_failed"
    AGENT_BLOCKED = "agent_blocked"
    AGENT_LOST = "agent_lost"
    AGENT_BUSY = "agent_busy"
    AGENT_TIMED_OUT = "agent_timed_out"
    NO_CHANGES = "no_changes"
    CHECKS_FAILED = "checks_failed"
    CHECKS_TIMED_OUT = "checks_timed_out"
    SECRET_FOUND = "secret_found"  # noqa: S105 - a reason code, not a password
    SETTINGS_INVALID = "settings_invalid"
    BRANCH_MOVED = "branch_moved"
    REFUSED = "refused"
    LEASE_HELD = "lease_held"
    LEASE_LOST = "lease_lost"
    GIT_BUSY = "git_busy"
    DISK_FULL = "disk_full"
    BUDGET = "budget"
    STOPPED = "stopped"
    INTERNAL = "internal"


@dataclass(frozen=True)
class ReasonRule:
    """`transient`: tried again with backoff, up to the attempts allowed, before the run fails."""

    transient: bool
    advice: str


_RETRY = "then `kyros run retry`."

REASONS: Mapping[Reason, ReasonRule] = {
    Reason.AGENT_NOT_INSTALLED: ReasonRule(
        False, f"Install it (`kyros doctor` says how) or delegate anew with another --agent, {_RETRY}"
    ),
    Reason.AGENT_FAILED: ReasonRule(
        False, f"Read what it printed (`kyros run log`), mend what it names, {_RETRY}"
    ),
    Reason.AGENT_BLOCKED: ReasonRule(
        False, f"It asked what no rule could answer: look at its screen (`kyros run log`), {_RETRY}"
    ),
    Reason.AGENT_LOST: ReasonRule(True, f"The program kept dying: try it by hand, {_RETRY}"),
    Reason.AGENT_BUSY: ReasonRule(
        True, f"Nobody could work on it: mend what the message names, or raise KYROS_POOL_MAX, {_RETRY}"
    ),
    Reason.AGENT_TIMED_OUT: ReasonRule(
        False,
        "The agent was stopped: make the task smaller or give it more time "
        f"(--timeout, KYROS_AGENT_TIMEOUT_SECONDS), {_RETRY}",
    ),
    Reason.NO_CHANGES: ReasonRule(False, f"Say in the task which files must change, {_RETRY}"),
    Reason.CHECKS_FAILED: ReasonRule(
        False, "The code is on the pull request with its red check: mend it there, or `kyros run retry`."
    ),
    Reason.CHECKS_TIMED_OUT: ReasonRule(
        False,
        "The check command was stopped: make it quicker or give it more time "
        f"(KYROS_CHECK_TIMEOUT_SECONDS), {_RETRY}",
    ),
    Reason.SECRET_FOUND: ReasonRule(
        False,
        "Nothing was committed: delegate anew, saying where the secret is to come from (a variable of the "
        "environment, say); where it is none, that its line needs `pragma: allowlist secret`.",
    ),
    Reason.SETTINGS_INVALID: ReasonRule(False, "Mend kyros.toml on the base branch, then delegate anew."),
    Reason.BRANCH_MOVED: ReasonRule(
        False, f"Somebody else pushed to the branch; nothing was overwritten. Look at both, {_RETRY}"
    ),
    Reason.REFUSED: ReasonRule(False, f"Mend what the message names, {_RETRY}"),
    Reason.LEASE_HELD: ReasonRule(
        True, f"Somebody else works on the same task or branch: wait for them or stop them, {_RETRY}"
    ),
    Reason.LEASE_LOST: ReasonRule(True, "The machine slept or was overloaded: `kyros run retry`."),
    Reason.GIT_BUSY: ReasonRule(
        True, f"Git was locked or out of reach: mend what the message names, {_RETRY}"
    ),
    Reason.DISK_FULL: ReasonRule(False, f"Free some space, {_RETRY} Nothing acknowledged was lost."),
    Reason.BUDGET: ReasonRule(
        False,
        "The worktree is as the agent left it. Raise the budget it names (`kyros budget set`), then "
        "`kyros run retry`; or give this run more with `kyros run budget`.",
    ),
    Reason.STOPPED: ReasonRule(False, "`kyros run retry` starts again."),
    Reason.INTERNAL: ReasonRule(
        True, "A defect of Kyros: the worker's log has the details under this run's id. `kyros run retry`."
    ),
}


@dataclass(frozen=True)
class Step:
    """`data` is what the step made, kept for those after it and for finding it again after a crash."""

    name: StepName
    status: StepStatus
    attempt: int
    started_at: str | None
    ended_at: str | None
    data: Mapping[str, object]
    note: str


@dataclass(frozen=True)
class Run:
    """One durable attempt to carry out a task. `attempt` counts retries of the whole run."""

    id: str
    task_id: str
    project_id: str
    status: RunStatus
    reason: Reason | None
    explanation: str | None
    attempt: int
    tries: int
    agent: str
    branch: str
    base: str
    timeout_seconds: float
    pull_id: str | None
    stop_asked: bool
    steps: Sequence[Step]
    created_at: str
    started_at: str | None
    ended_at: str | None
    budget: Budget = field(default_factory=Budget)

    @property
    def waits_for_budget(self) -> bool:
        """A person must raise it: until then nobody walks the run."""
        return self.status is RunStatus.BLOCKED and self.reason is Reason.BUDGET

    @property
    def is_going(self) -> bool:
        """Somebody must still work on it, or does: an approval that is waited for is answered in the turn."""
        asked = self.status is RunStatus.BLOCKED and self.reason is None
        return asked or self.status in (RunStatus.QUEUED, RunStatus.RUNNING)

    def with_more(self, more: Budget, used: Spent) -> Budget:
        """Raises MoveRefused when it has ended."""
        if self.status in ENDED:
            raise MoveRefused(f"The run is {self.status}: `kyros run retry` begins it anew.")
        return granted(self.budget, used, more)

    def step(self, name: StepName) -> Step:
        return next(step for step in self.steps if step.name is name)
