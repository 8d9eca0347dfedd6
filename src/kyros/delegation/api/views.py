"""What goes over the wire: requests refused when unknown or too large, answers built from values."""

import re
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from kyros.collab.api.task_bodies import BudgetRequest, BudgetView
from kyros.collab.model import TaskStatus
from kyros.delegation.model import Reason, RunStatus, StepStatus
from kyros.drivers.model import EntryKind, ResultKind
from kyros.fleet.api import ApprovalView
from kyros.forge.model import PullState, Verdict

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000)]
T = TypeVar("T")
_UNSEEN = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028-\\u202e\\u2066-\\u2069]")


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


def one_line(text: object) -> object:
    """White space, control characters and marks that turn the direction of writing become one space."""
    return " ".join(_UNSEEN.sub(" ", text).split()) if isinstance(text, str) else text


class DelegationRequest(_Request):
    """A task to hand over. `repo` is a path or URL, `project` the name or id of one already known."""

    title: Annotated[str, BeforeValidator(one_line), StringConstraints(min_length=1, max_length=300)]
    objective: Annotated[str, StringConstraints(max_length=200_000)] = ""
    constraints: Annotated[str, StringConstraints(max_length=20_000)] = ""
    acceptance_criteria: Annotated[list[Line], Field(max_length=100)] = []
    repo: Annotated[str, StringConstraints(min_length=1, max_length=4_000)] | None = None
    project: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    base: Annotated[str, StringConstraints(min_length=1, max_length=250)] | None = None
    agent: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = None
    timeout_seconds: Annotated[float, Field(gt=0, le=86_400)] | None = None
    budget: BudgetRequest | None = None


class MergeRequest(_Request):
    """`accept_failed_checks` merges although a check is red; `push` also fast-forwards the base upstream."""

    accept_failed_checks: bool = False
    push: bool = False


class Page(BaseModel, Generic[T]):
    items: list[T]
    next_cursor: str | None = None


class DelegationView(BaseModel):
    """`notes` are sentences for the person, a dirty clone for one."""

    id: str
    task_id: str
    run_id: str
    project: str
    branch: str
    pr_number: int
    pull_id: str
    pr_url: str
    notes: list[str]


class StepView(BaseModel):
    name: str
    title: str
    status: StepStatus
    attempt: int
    started_at: str | None
    ended_at: str | None
    duration_ms: int | None
    note: str


class TurnView(BaseModel):
    """Token and money fields are null when they were not measured."""

    id: str
    run_id: str
    task_id: str | None
    project_id: str | None
    session_id: str | None
    agent: str
    tier: str
    model: str | None
    wake_reason: str
    started_at: str
    ended_at: str | None
    duration_ms: int | None
    result_kind: ResultKind | None
    evidence: str
    note: str
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_creation_tokens: int | None
    cost_usd: float | None
    tool_call_count: int | None
    tool_calls: dict[str, int] | None
    bytes_streamed: int
    approvals: list[ApprovalView]


class EntryView(BaseModel):
    """One line of a transcript. `id` joins a tool's call, its result and its diff; `details` is JSON of the
    kind."""

    seq: int
    at: str
    turn_id: str
    kind: EntryKind
    id: str
    text: str
    details: dict[str, Any]


class RunView(BaseModel):
    """`reason` is a code, `explanation` what went wrong and what to do, both null unless it
    failed; while it is blocked, `explanation` says what a person is asked."""

    id: str
    task_id: str
    task_title: str
    task_status: TaskStatus
    project: str
    project_id: str
    status: RunStatus
    reason: Reason | None
    explanation: str | None
    attempt: int
    agent: str
    agent_is_model: bool
    branch: str
    base: str
    pull_id: str | None
    pull_number: int | None
    steps: list[StepView]
    cost_usd: float | None
    budget: BudgetView
    created_at: str
    started_at: str | None
    ended_at: str | None


class CheckView(BaseModel):
    name: str
    verdict: Verdict
    summary: str
    output: str
    head_sha: str
    duration_ms: int


class PullView(BaseModel):
    id: str
    number: int
    project: str
    project_id: str
    title: str
    body: str
    state: PullState
    head: str
    base: str
    head_sha: str
    base_sha: str
    merge_sha: str | None
    checks: list[CheckView]
    run_id: str | None
    task_id: str | None
    url: str
    created_at: str
    updated_at: str


class ProjectView(BaseModel):
    """`forge_path` is the bare copy on the server's disk, to fetch from."""

    id: str
    name: str
    source: str
    default_base: str
    forge_path: str
    created_at: str


class ProfileView(BaseModel):
    """`program` is the absolute path found, null when it is not installed. `is_default`: works when a
    delegation names nobody. `paused_until`: its vendor takes no work before."""

    name: str
    title: str
    is_model: bool
    is_default: bool
    program: str | None
    tiers: list[str]
    install_hint: str
    paused_until: str | None
