"""Tasks over the wire: bodies refused when unknown or too large, and the shapes of answers."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool, model_validator

from kyros.collab.errors import NotPatchable
from kyros.collab.model import Budget, ChecklistItem, NewTask, Priority, TaskChange, TaskQuery, TaskStatus
from kyros.collab.model.limits import (
    CHECKLIST_ITEMS,
    ChecklistText,
    Criteria,
    DependsOn,
    Label,
    Labels,
    Minutes,
    Name,
    ProjectId,
    Prose,
    TaskId,
    Title,
    Tokens,
    Usd,
)

_ELSEWHERE: Mapping[str, str] = {
    "id": "a task keeps its id",
    "project_id": "a task stays in its project; make a new one in the other",
    "status": "it moves through POST /api/collab/tasks/{id}/transition",
    "facts": "they are what Kyros has proven",
    "standing": "it follows from what is known",
    "etag": "send it as If-Match",
    "version": "it grows by itself",
    "created_at": "it is set once",
    "updated_at": "it is set with every change",
}


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ChecklistItemRequest(_Request):
    """One line of the definition of done."""

    text: ChecklistText
    done: StrictBool = False

    def item(self) -> ChecklistItem:
        return ChecklistItem(self.text, self.done)


Checklist = Annotated[list[ChecklistItemRequest], Field(max_length=CHECKLIST_ITEMS)]


class BudgetRequest(_Request):
    """What work may cost; null is no limit of its own."""

    tokens: Tokens | None = None
    usd: Usd | None = None
    minutes: Minutes | None = None


class TaskRequest(_Request):
    """A task that is wanted. Only `title` is always needed; only an admin gives an `id`."""

    title: Title
    project_id: ProjectId = "default"
    objective: Prose = ""
    constraints: Prose = ""
    acceptance_criteria: Criteria = []
    checklist: Checklist = []
    depends_on: DependsOn = []
    priority: Priority = Priority.NORMAL
    labels: Labels = []
    assignee: Name | None = None
    estimate_minutes: Minutes | None = None
    budget: BudgetRequest = BudgetRequest()
    id: TaskId | None = None

    def task(self) -> NewTask:
        plain = self.model_dump(exclude={"checklist", "budget"})
        checklist = tuple(one.item() for one in self.checklist)
        return NewTask(**plain, checklist=checklist, budget=Budget(**self.budget.model_dump()))


class TaskPatchRequest(_Request):
    """A merge patch (RFC 7386): what is left out stays, null empties what may be empty, lists are replaced
    as a whole."""

    title: Title = Field("", validate_default=False)
    objective: Prose | None = None
    constraints: Prose | None = None
    acceptance_criteria: Criteria | None = None
    checklist: Checklist | None = None
    depends_on: DependsOn | None = None
    priority: Priority | None = None
    labels: Labels | None = None
    assignee: Name | None = None
    estimate_minutes: Minutes | None = None
    budget: BudgetRequest | None = None

    @model_validator(mode="before")
    @classmethod
    def _refuse_what_is_not_theirs(cls, sent: Any) -> Any:
        for name in _ELSEWHERE.keys() & sent.keys() if isinstance(sent, dict) else ():
            raise NotPatchable(f"A patch cannot set {name}: {_ELSEWHERE[name]}.", field=name)
        return sent

    def change(self) -> TaskChange:
        """Only what was sent, in a task's own types."""
        sent = {name: getattr(self, name) for name in self.model_fields_set}
        budget = sent.pop("budget", None)
        fields = {name: _EMPTY[name] if value is None else _own(name, value) for name, value in sent.items()}
        if budget is None:
            if "budget" in self.model_fields_set:
                fields["budget"] = Budget()
            return TaskChange(fields)
        return TaskChange(fields, {name: getattr(budget, name) for name in budget.model_fields_set})


_EMPTY: Mapping[str, object] = {
    "objective": "",
    "constraints": "",
    "acceptance_criteria": (),
    "checklist": (),
    "depends_on": (),
    "priority": Priority.NORMAL,
    "labels": (),
    "assignee": None,
    "estimate_minutes": None,
}


def _own(name: str, value: Any) -> object:
    if name == "checklist":
        return tuple(one.item() for one in value)
    return tuple(value) if isinstance(value, list) else value


class TransitionRequest(_Request):
    """`fencing_token` is that of the lease on the task, for whoever holds one."""

    to: TaskStatus
    note: Annotated[str, Field(max_length=2_000)] = ""
    fencing_token: Annotated[int, Field(ge=1, le=2**63 - 1, strict=True)] | None = None


class TaskListQuery(BaseModel):
    """The filters of a page; those left out match everything."""

    model_config = ConfigDict(extra="forbid")

    status: TaskStatus | None = None
    assignee: Name | None = None
    label: Label | None = None
    project: ProjectId | None = None
    q: Annotated[str, Field(max_length=200)] | None = Field(
        None, description="Words, or beginnings of words, that all stand in the task."
    )
    limit: int = Field(50, ge=1, le=200)
    cursor: TaskId | None = Field(None, description="`next_cursor` of the page before.")

    def query(self, projects: frozenset[str] | None) -> TaskQuery:
        """One more than asked for, which tells whether there is a further page."""
        return TaskQuery(
            status=self.status,
            project_id=self.project,
            assignee=self.assignee,
            label=self.label,
            text=self.q if self.q and self.q.strip() else None,
            projects=projects,
            before=self.cursor,
            limit=self.limit + 1,
        )


class ChecklistItemView(BaseModel):
    text: str
    done: bool


class BudgetView(BaseModel):
    tokens: int | None
    usd: float | None
    minutes: float | None


class StandingView(BaseModel):
    """`column` is where the board shows the task, `because` why where that needs a reason, `blocked_by` the
    dependencies that are not done, `needs_you` whether a person must look."""

    column: TaskStatus
    because: str
    blocked_by: list[str]
    needs_you: bool


class TaskView(BaseModel):
    id: str
    project_id: str
    title: str
    objective: str
    constraints: str
    acceptance_criteria: list[str]
    status: TaskStatus
    checklist: list[ChecklistItemView]
    depends_on: list[str]
    priority: Priority
    labels: list[str]
    assignee: str | None
    estimate_minutes: float | None
    budget: BudgetView
    facts: dict[str, str]
    created_at: str
    updated_at: str
    version: int
    etag: str
    standing: StandingView


class TaskPage(BaseModel):
    """Newest first. `next_cursor` says where to go on; null when the page is the last."""

    items: list[TaskView]
    next_cursor: str | None


class TaskCreated(BaseModel):
    id: str


class Changed(BaseModel):
    ok: bool
    etag: str


class TaskMoved(BaseModel):
    old_status: TaskStatus
    new_status: TaskStatus
    etag: str
