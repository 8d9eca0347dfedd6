"""An agent as the room knows it: a named identity that works. Its token is auth's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from kyros.kernel.etag import digest_of, etag_of


class AgentStatus(StrEnum):
    IDLE = "idle"
    WORKING = "working"
    OFFLINE = "offline"


@dataclass(frozen=True)
class Agent:
    """`role` is `agent` or `manager`; `projects` are those it may work on; `available` is the toggle
    people set; `last_seen` is RFC 3339 UTC, None before its first word. `version` grows with every
    write but those of `status` and `last_seen`."""

    name: str
    role: str
    skills: Sequence[str]
    profile: str | None
    projects: Sequence[str]
    status: AgentStatus
    available: bool
    last_seen: str | None
    created_at: str
    updated_at: str
    version: int

    def document(self) -> dict[str, object]:
        """As it stands in state files and answers."""
        return {
            "name": self.name,
            "role": self.role,
            "skills": list(self.skills),
            "profile": self.profile,
            "projects": list(self.projects),
            "status": self.status.value,
            "available": self.available,
            "last_seen": self.last_seen,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "version": self.version,
        }

    @property
    def digest(self) -> int:
        return digest_of(self.document())

    @property
    def etag(self) -> str:
        return etag_of(self.version, self.digest)


def agent_of(document: Mapping[str, Any]) -> Agent:
    """The inverse of `Agent.document`, for documents of our own: nothing is checked."""
    return Agent(
        **{
            **document,
            "skills": tuple(document["skills"]),
            "projects": tuple(document["projects"]),
            "status": AgentStatus(document["status"]),
        }
    )
