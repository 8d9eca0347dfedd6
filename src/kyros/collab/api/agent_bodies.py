"""Agents over the wire: bodies refused when unknown or too large, and the shapes of answers."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool, model_validator

from kyros.collab.errors import NotPatchable
from kyros.collab.model import Agent, AgentStatus
from kyros.collab.model.limits import AgentName, AgentProjects, Label, Profile, ProjectId, Skills
from kyros.collab.model.registry import AgentChange, AgentQuery, AgentRole, NewAgent, full_tag

_ELSEWHERE: Mapping[str, str] = {
    "name": "an agent keeps its name; register another",
    "available": "it is set through POST /api/collab/agents/{name}/availability",
    "status": "it follows from what is known",
    "last_seen": "it follows from the agent's requests",
    "etag": "send it as If-Match",
    "version": "it grows by itself",
    "created_at": "it is set once",
    "updated_at": "it is set with every change",
}


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AgentRequest(_Request):
    """An agent that is wanted. Without projects it may work on all of them."""

    name: AgentName
    role: AgentRole = AgentRole.AGENT
    skills: Skills = []
    profile: Profile | None = None
    projects: AgentProjects = []

    def agent(self) -> NewAgent:
        return NewAgent(**self.model_dump())


class AgentPatchRequest(_Request):
    """A merge patch (RFC 7386): what is left out stays, null empties what may be empty, lists are replaced
    as a whole. No projects are all projects."""

    role: AgentRole = Field(AgentRole.AGENT, validate_default=False)
    skills: Skills | None = None
    profile: Profile | None = None
    projects: AgentProjects = Field([], validate_default=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_what_is_not_theirs(cls, sent: Any) -> Any:
        for name in _ELSEWHERE.keys() & sent.keys() if isinstance(sent, dict) else ():
            raise NotPatchable(f"A patch cannot set {name}: {_ELSEWHERE[name]}.", field=name)
        return sent

    def change(self) -> AgentChange:
        """Only what was sent, in an agent's own types."""
        return AgentChange({name: _own(name, getattr(self, name)) for name in self.model_fields_set})


class AvailabilityRequest(_Request):
    """Whether the agent takes work."""

    available: StrictBool


class AgentListQuery(BaseModel):
    """The filters of a page; those left out match everything. `project` finds those that may work on it."""

    model_config = ConfigDict(extra="forbid")

    role: AgentRole | None = None
    skill: Label | None = None
    status: AgentStatus | None = None
    available: bool | None = None
    project: ProjectId | None = None
    limit: int = Field(50, ge=1, le=200)
    cursor: AgentName | None = Field(None, description="`next_cursor` of the page before.")

    def query(self, projects: frozenset[str] | None, caller: str) -> AgentQuery:
        """One more than asked for, which tells whether there is a further page."""
        return AgentQuery(
            caller=caller,
            projects=projects,
            role=self.role,
            skill=self.skill,
            status=self.status,
            available=self.available,
            project=self.project,
            after=self.cursor or "",
            limit=self.limit + 1,
        )


class AgentView(BaseModel):
    """`projects` are those it may work on, none are all; `last_seen` is null before its first word."""

    name: str
    role: AgentRole
    skills: list[str]
    profile: str | None
    projects: list[str]
    status: AgentStatus
    available: bool
    last_seen: str | None
    created_at: str
    updated_at: str
    version: int
    etag: str


class AgentPage(BaseModel):
    """By name. `next_cursor` says where to go on; null when the page is the last."""

    items: list[AgentView]
    next_cursor: str | None


class AgentToken(BaseModel):
    """`token` is told this once; null when the request was a repetition under its Idempotency-Key."""

    name: str
    token: str | None


class AgentRemoved(BaseModel):
    ok: bool


def document_of(agent: Agent) -> dict[str, object]:
    """The agent as it is answered."""
    return {**agent.document(), "etag": full_tag(agent)}


def _own(name: str, value: Any) -> object:
    if name == "skills":
        return tuple(value or ())
    return tuple(value) if name == "projects" else value
