"""API keys: what one may do, for how long, and never more than whoever made it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from kyros.auth.errors import KeyExpiryRefused, NotAllowed
from kyros.auth.model.principal import (
    RIGHTS,
    Principal,
    PrincipalKind,
    Right,
    Role,
    largest_within,
)
from kyros.kernel.clock import from_text

LONGEST_DAYS = 366
SHOWN_SIGNS = 6
"""So many of a token's random signs are shown in lists, to know it by."""


@dataclass(frozen=True)
class ApiKey:
    """`digest` is the SHA-256 of the token, as hex; `owner` made it. `scopes` None narrows nothing."""

    id: str
    name: str
    prefix: str
    digest: str
    owner: str
    role: Role | None
    projects: Mapping[str, Role]
    scopes: frozenset[Right] | None
    created_at: str
    expires_at: str
    last_used_at: str | None = None
    revoked_at: str | None = None

    def is_live(self, now: datetime) -> bool:
        return self.revoked_at is None and now < from_text(self.expires_at)

    def principal(self, owner: Principal | None) -> Principal:
        """Who it acts as. `owner` None: the operator, whom nothing narrows; else no more than the owner
        may do by now."""
        role, projects = self.role, dict(self.projects)
        if owner is not None:
            role = _narrowed(role, owner, None)
            projects = {
                project: kept
                for project, given in projects.items()
                if (kept := _narrowed(given, owner, project)) is not None
            }
        return Principal(self.name, role, PrincipalKind.KEY, projects, self.scopes)


@dataclass(frozen=True)
class NewKey:
    name: str
    role: Role | None
    projects: Mapping[str, Role]
    scopes: frozenset[Right] | None
    expires_at: datetime


def check_grant(new: NewKey, creator: Principal) -> None:
    """Raise NotAllowed unless the creator has every right that the key would have."""
    if creator.kind not in (PrincipalKind.OWNER, PrincipalKind.PERSON):
        raise NotAllowed("Only people make keys: sign in with your name and password.", right=None)
    if new.role is None and not new.projects:
        raise NotAllowed(
            "A key without a role could do nothing: give it a role, or roles in projects.", right=None
        )
    for project, role in ((None, new.role), *new.projects.items()):
        if role is None:
            continue
        wanted = RIGHTS[role] if new.scopes is None else RIGHTS[role] & new.scopes
        missing = sorted(right.value for right in wanted if not creator.may(right, project))
        if missing:
            where = f" in project {project}" if project else ""
            raise NotAllowed(
                f"You cannot give a key rights you lack{where}: {', '.join(missing)}.",
                right=missing[0],
                project_id=project,
            )


def check_expiry(expires_at: datetime, now: datetime) -> None:
    """Raises KeyExpiryRefused."""
    if not now < expires_at <= now + timedelta(days=LONGEST_DAYS):
        raise KeyExpiryRefused("A key expires within a year: name a time from now on to then.")


def _narrowed(role: Role | None, owner: Principal, project: str | None) -> Role | None:
    if role is None:
        return None
    return largest_within({right for right in RIGHTS[role] if owner.may(right, project)})
