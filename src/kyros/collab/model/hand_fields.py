"""The fields that may be edited by hand in state files, with the limits they have at the doors."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kyros.collab.errors import StateFileRefused
from kyros.collab.model import limits as at_most
from kyros.collab.model.registry import AgentChange, AgentRole
from kyros.collab.model.task import Budget, ChecklistItem, NewTask, Priority, TaskChange, TaskStatus

_Read = TypeVar("_Read", bound=BaseModel)

_TUPLES = ("acceptance_criteria", "depends_on", "labels", "skills", "projects")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Line(_Strict):
    text: at_most.ChecklistText
    done: bool = False


class _Spent(_Strict):
    tokens: at_most.Tokens | None = None
    usd: at_most.Usd | None = None
    minutes: at_most.Minutes | None = None


class TaskFields(_Strict):
    """Of a task that is there; what is left out stays as it is."""

    title: at_most.Title = ""
    objective: at_most.Prose = ""
    constraints: at_most.Prose = ""
    acceptance_criteria: at_most.Criteria = []
    checklist: Annotated[list[_Line], Field(max_length=at_most.CHECKLIST_ITEMS)] = []
    depends_on: at_most.DependsOn = []
    priority: Priority = Priority.NORMAL
    labels: at_most.Labels = []
    assignee: at_most.Name | None = None
    estimate_minutes: at_most.Minutes | None = None
    budget: _Spent = _Spent()
    status: TaskStatus = TaskStatus.QUEUED

    def change(self) -> TaskChange:
        """All that was given but the status."""
        fields = {name: self._own(name) for name in self.model_fields_set - {"status", "budget"}}
        return TaskChange(fields, self.budget.model_dump(exclude_unset=True))

    def _own(self, name: str) -> Any:
        return self._lines() if name == "checklist" else _own(name, getattr(self, name))

    def _lines(self) -> Sequence[ChecklistItem]:
        return tuple(ChecklistItem(one.text, one.done) for one in self.checklist)


class NewTaskFields(TaskFields):
    id: at_most.TaskId | None = None
    project_id: at_most.ProjectId
    title: at_most.Title

    def wanted(self) -> NewTask:
        return NewTask(
            project_id=self.project_id,
            title=self.title,
            objective=self.objective,
            constraints=self.constraints,
            acceptance_criteria=tuple(self.acceptance_criteria),
            checklist=self._lines(),
            depends_on=tuple(self.depends_on),
            priority=self.priority,
            labels=tuple(self.labels),
            assignee=self.assignee,
            estimate_minutes=self.estimate_minutes,
            budget=Budget(**self.budget.model_dump()),
            id=self.id,
        )


class AgentFields(_Strict):
    """Of an agent that is there; what is left out stays as it is."""

    role: AgentRole = AgentRole.AGENT
    skills: at_most.Skills = []
    profile: at_most.Profile | None = None
    projects: at_most.AgentProjects = []
    available: bool = True

    def change(self) -> AgentChange:
        """All that was given but whether it takes work."""
        return AgentChange(
            {name: _own(name, getattr(self, name)) for name in self.model_fields_set - {"available"}}
        )


def read_fields(model: type[_Read], fields: Mapping[str, Any], name: str) -> _Read:
    """Raises StateFileRefused naming the item and its field."""
    try:
        return model.model_validate_json(orjson.dumps(fields))
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(str(part) for part in fault["loc"])
        raise StateFileRefused(f"{name}: {place}: {fault['msg']}") from error


def _own(name: str, value: Any) -> Any:
    return tuple(value) if name in _TUPLES else value
