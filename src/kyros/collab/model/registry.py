"""The registry of agents: what is asked of it, where each agent stands, what each write reports."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from kyros.collab.model.agent import Agent, AgentStatus
from kyros.events.model import NewEvent
from kyros.kernel.clock import from_text, to_text
from kyros.kernel.etag import digest_of, etag_of

OFFLINE_AFTER = timedelta(minutes=10)
SEEN_EVERY = timedelta(minutes=1)

PRESENCE = ("status", "last_seen")
_SET_BY_PEOPLE = ("role", "skills", "profile", "projects")


class AgentRole(StrEnum):
    """What others may expect of it. What it may do follows from its projects alone."""

    AGENT = "agent"
    MANAGER = "manager"


@dataclass(frozen=True)
class NewAgent:
    """An agent that is wanted, already checked at the door. No projects are all projects."""

    name: str
    role: AgentRole = AgentRole.AGENT
    skills: Sequence[str] = ()
    profile: str | None = None
    projects: Sequence[str] = ()

    def made(self, now: datetime) -> Agent:
        at = to_text(now)
        return Agent(
            name=self.name,
            role=self.role.value,
            skills=tuple(self.skills),
            profile=self.profile,
            projects=tuple(self.projects),
            status=AgentStatus.OFFLINE,
            available=True,
            last_seen=None,
            created_at=at,
            updated_at=at,
            version=1,
        )


@dataclass(frozen=True)
class AgentQuery:
    """Filters of a page; None matches everything. `project` finds those that may work on it; `projects` are
    those the caller may see (None: all), `caller` sees themselves. By name, those after `after`."""

    caller: str
    projects: frozenset[str] | None = None
    role: AgentRole | None = None
    skill: str | None = None
    status: AgentStatus | None = None
    available: bool | None = None
    project: str | None = None
    after: str = ""
    limit: int = 50

    def matches(self, agent: Agent) -> bool:
        return (
            agent.name > self.after
            and is_visible(agent, self.projects, self.caller)
            and self.role in (None, agent.role)
            and (self.skill is None or self.skill in agent.skills)
            and self.status in (None, agent.status)
            and self.available in (None, agent.available)
            and (self.project is None or may_work_on(agent, self.project))
        )


@dataclass(frozen=True)
class AgentChange:
    """What a patch puts in place: fields of `Agent` in its own types."""

    fields: Mapping[str, Any] = field(default_factory=dict)


def may_work_on(agent: Agent, project_id: str) -> bool:
    return not agent.projects or project_id in agent.projects


def is_visible(agent: Agent, projects: frozenset[str] | None, caller: str) -> bool:
    """Whether somebody who may read `projects` (None: all) sees it."""
    if projects is None or agent.name == caller:
        return True
    return any(may_work_on(agent, project_id) for project_id in projects)


def status_of(agent: Agent, holds_lease: bool, now: datetime) -> AgentStatus:
    """Working while it holds a live lease, offline when nobody heard of it for ten minutes."""
    if holds_lease:
        return AgentStatus.WORKING
    # A clock set back leaves a last word in the future: it must not keep an agent alive until then.
    if agent.last_seen is None or abs(now - from_text(agent.last_seen)) >= OFFLINE_AFTER:
        return AgentStatus.OFFLINE
    return AgentStatus.IDLE


def settings_tag(agent: Agent) -> str:
    """The etag of what people set: it stays while the agent comes and goes."""
    set_by_people = {name: value for name, value in agent.document().items() if name not in PRESENCE}
    return etag_of(agent.version, digest_of(set_by_people))


def full_tag(agent: Agent) -> str:
    """The etag of all that is shown: that of what people set, and a mark of its presence after a dot."""
    shown = agent.document()
    presence = digest_of({name: shown[name] for name in PRESENCE})
    return f'{settings_tag(agent)[:-1]}.{presence:016x}"'


def changed_settings(old: Agent, new: Agent) -> Sequence[str]:
    """Names of the fields people set that differ, in the order of the document."""
    was, now = old.document(), new.document()
    return [name for name in _SET_BY_PEOPLE if was[name] != now[name]]


def rewritten(agent: Agent, now: datetime, **fields: Any) -> Agent:
    """The next version."""
    return replace(agent, **fields, version=agent.version + 1, updated_at=to_text(now))


def agent_registered(agent: Agent, actor: str) -> NewEvent:
    document = agent.document()
    return _report("agent_registered", agent, actor, {name: document[name] for name in _SET_BY_PEOPLE})


def agent_changed(old: Agent, new: Agent, actor: str) -> NewEvent:
    fields = changed_settings(old, new)
    was, now = old.document(), new.document()
    details = {
        "fields": fields,
        "old": {name: was[name] for name in fields},
        "new": {name: now[name] for name in fields},
    }
    return _report("agent_changed", new, actor, details)


def agent_availability_changed(agent: Agent, actor: str) -> NewEvent:
    return _report("agent_availability_changed", agent, actor, {"available": agent.available})


def agent_token_renewed(agent: Agent, actor: str) -> NewEvent:
    return _report("agent_token_renewed", agent, actor, {})


def agent_removed(agent: Agent, actor: str) -> NewEvent:
    return _report("agent_removed", agent, actor, {})


def _report(event: str, agent: Agent, actor: str, details: Mapping[str, object]) -> NewEvent:
    """An agent of one project concerns that project; one of several or all concerns the installation."""
    told: dict[str, object] = {**details, "version": agent.version}
    if len(agent.projects) == 1:
        told["project_id"] = agent.projects[0]
    return NewEvent(event, actor, agent.name, told)
