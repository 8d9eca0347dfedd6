"""Roles and rights as they stand in columns."""

from collections.abc import Mapping

import orjson

from kyros.auth.model import Right, Role


def role_of(text: str | None) -> Role | None:
    return None if text is None else Role(text)


def roles_of(text: str) -> dict[str, Role]:
    """Roles by project."""
    return {project: Role(role) for project, role in orjson.loads(text).items()}


def text_of(roles: Mapping[str, Role]) -> str:
    return orjson.dumps({project: role.value for project, role in roles.items()}, option=_SORTED).decode()


def scopes_of(text: str | None) -> frozenset[Right] | None:
    return None if text is None else frozenset(Right(word) for word in text.split())


def scopes_text(scopes: frozenset[Right] | None) -> str | None:
    return None if scopes is None else " ".join(sorted(right.value for right in scopes))


_SORTED = orjson.OPT_SORT_KEYS
