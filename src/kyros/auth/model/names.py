"""Names of whoever acts: one pool for people, agents and keys, so that an actor is never two."""

import re

from kyros.auth.errors import NameRefused

NAME_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,62}$"
PROJECT_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,62}$"
RESERVED = frozenset(
    {
        "admin",
        "agent",
        "anonymous",
        "everybody",
        "file",
        "forge",
        "kyros",
        "me",
        "nobody",
        "operator",
        "others",
        "owner",
        "policy",
        "root",
        "server",
        "system",
        "worker",
    }
)
"""Parts of Kyros act under some of these names, and the rest read as if they did."""

_NAME = re.compile(NAME_PATTERN)
_OURS = re.compile(r"[a-z]+_[0-9a-z]{26}|[0-9.]+")
"""Ids, under which Kyros itself holds leases (a run's), and addresses, which refusals are told of."""


def check_name(name: str) -> None:
    """Raises NameRefused."""
    if not _NAME.fullmatch(name):
        raise NameRefused(
            f"{name[:80]!r} cannot be a name: use up to 63 small letters, digits, dots, hyphens and "
            "underscores, a letter or digit first.",
            name=name[:80],
        )
    if name in RESERVED or _OURS.fullmatch(name):
        raise NameRefused(f"The name {name} is Kyros' own: choose another.", name=name)
