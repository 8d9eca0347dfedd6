"""Who a caller is and what they may do, decided here and nowhere else.

            READ  TASKS LEASE REPORT REVIEW OPERATE ADMIN
viewer       x
reviewer     x                         x
agent        x     x     x     x
operator     x     x     x     x       x      x
admin        x     x     x     x       x      x      x
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from kyros.auth.errors import NotAllowed


class Role(StrEnum):
    ADMIN = "admin"
    OPERATOR = "operator"
    REVIEWER = "reviewer"
    VIEWER = "viewer"
    AGENT = "agent"


class Right(StrEnum):
    """READ looks; TASKS makes, changes and moves tasks; LEASE takes and gives back leases; REPORT appends
    events; REVIEW approves, merges and closes, and answers what agents ask leave for; OPERATE hands over,
    stops, retries and reclaims, and sets rules for that; ADMIN deals with people, keys and settings."""

    READ = "read"
    TASKS = "tasks"
    LEASE = "lease"
    REPORT = "report"
    REVIEW = "review"
    OPERATE = "operate"
    ADMIN = "admin"


class PrincipalKind(StrEnum):
    OWNER = "owner"
    PERSON = "person"
    AGENT = "agent"
    KEY = "key"


_VIEWER = frozenset({Right.READ})
_REVIEWER = _VIEWER | {Right.REVIEW}
_AGENT = _VIEWER | {Right.TASKS, Right.LEASE, Right.REPORT}
_OPERATOR = _REVIEWER | _AGENT | {Right.OPERATE}
RIGHTS: Mapping[Role, frozenset[Right]] = {
    Role.VIEWER: _VIEWER,
    Role.REVIEWER: _REVIEWER,
    Role.AGENT: _AGENT,
    Role.OPERATOR: _OPERATOR,
    Role.ADMIN: _OPERATOR | {Right.ADMIN},
}


@dataclass(frozen=True)
class Principal:
    """Whom a credential stands for. `role` counts in every project, None in none; `projects` gives a role
    in single ones. `scopes` narrows an API key further; None is no narrowing. The name is unique among all
    kinds: it is the actor of events and the holder of leases."""

    name: str
    role: Role | None
    kind: PrincipalKind = PrincipalKind.OWNER
    projects: Mapping[str, Role] = field(default_factory=dict)
    scopes: frozenset[Right] | None = None

    def may(self, right: Right, project_id: str | None = None) -> bool:
        """Whether they have the right, in this project or (None) in the installation as a whole."""
        roles = {self.role, self.projects.get(project_id) if project_id is not None else None}
        granted = any(right in RIGHTS[role] for role in roles if role is not None)
        return granted and (self.scopes is None or right in self.scopes)

    def may_somewhere(self, right: Right) -> bool:
        """Whether they have the right in the installation or in any project."""
        return self.may(right) or any(self.may(right, project) for project in self.projects)

    @property
    def visible_projects(self) -> frozenset[str] | None:
        """The projects they may read; None is all of them."""
        if self.may(Right.READ):
            return None
        return frozenset(project for project in self.projects if self.may(Right.READ, project))


def require(principal: Principal, right: Right, project_id: str | None = None) -> None:
    """The one check of every door. Raises NotAllowed."""
    if principal.may(right, project_id):
        return
    where = f" in project {project_id}" if project_id else ""
    raise NotAllowed(
        f"{principal.name} lacks the right to {right.value}{where}: ask an admin for a role that has it.",
        right=right.value,
        project_id=project_id,
    )


def require_somewhere(principal: Principal, right: Right) -> None:
    """For doors that show each caller their own part. Raises NotAllowed."""
    if not principal.may_somewhere(right):
        require(principal, right)


def largest_within(rights: Collection[Right]) -> Role | None:
    """The role that gives most without giving more; None when even the least gives more."""
    fitting = [role for role in Role if RIGHTS[role] <= frozenset(rights)]
    return max(fitting, key=lambda role: len(RIGHTS[role]), default=None)


@dataclass(frozen=True)
class Credential:
    """`digest` is the SHA-256 of the token; the token itself is kept nowhere."""

    digest: bytes
    principal: Principal
