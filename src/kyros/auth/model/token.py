"""Opaque tokens: 256 random bits behind a prefix that says what they are. Only digests are kept."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from kyros.auth.model.principal import Principal, PrincipalKind, Role

KEY_PREFIX = "kyros_key_"
AGENT_PREFIX = "kyros_agent_"
REFRESH_PREFIX = "kyros_refresh_"


def new_secret(prefix: str) -> str:
    """A token nobody can guess; the prefix lets the gate and secret scanners know it."""
    return f"{prefix}{secrets.token_urlsafe(32)}"


def digest_of_token(token: str) -> str:
    """What is kept of a token. With 256 random bits in it, a plain hash cannot be turned round."""
    return sha256(token.encode()).hexdigest()


@dataclass(frozen=True)
class AgentToken:
    """The one token of an agent. `role` is agent where it may work everywhere, None where `projects` says
    where; `digest` is the SHA-256 of the token, as hex."""

    name: str
    digest: str
    role: Role | None
    projects: Mapping[str, Role]
    created_at: str

    @property
    def principal(self) -> Principal:
        return Principal(self.name, self.role, PrincipalKind.AGENT, self.projects)
