"""Auth's values and rules, pure: principals and their rights, people, sessions, keys; hosts and origins."""

from kyros.auth.model.key import ApiKey, NewKey, check_expiry, check_grant
from kyros.auth.model.names import NAME_PATTERN, PROJECT_PATTERN, RESERVED, check_name
from kyros.auth.model.people import NewPerson, Person, PersonChange, check_password, normal_password
from kyros.auth.model.perimeter import (
    Origin,
    Perimeter,
    is_public,
    is_sign_in,
    perimeter,
    read_host,
    read_origin,
)
from kyros.auth.model.principal import (
    RIGHTS,
    Credential,
    Principal,
    PrincipalKind,
    Right,
    Role,
    largest_within,
    require,
    require_somewhere,
)
from kyros.auth.model.session import RefreshToken, Session, Transport, Verdict, judge, slides_to
from kyros.auth.model.token import AgentToken, digest_of_token, new_secret

__all__ = [
    "NAME_PATTERN",
    "PROJECT_PATTERN",
    "RESERVED",
    "RIGHTS",
    "AgentToken",
    "ApiKey",
    "Credential",
    "NewKey",
    "NewPerson",
    "Origin",
    "Perimeter",
    "Person",
    "PersonChange",
    "Principal",
    "PrincipalKind",
    "RefreshToken",
    "Right",
    "Role",
    "Session",
    "Transport",
    "Verdict",
    "check_expiry",
    "check_grant",
    "check_name",
    "check_password",
    "digest_of_token",
    "is_public",
    "is_sign_in",
    "judge",
    "largest_within",
    "new_secret",
    "normal_password",
    "perimeter",
    "read_host",
    "read_origin",
    "require",
    "require_somewhere",
    "slides_to",
]
