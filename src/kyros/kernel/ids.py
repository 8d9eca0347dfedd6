"""Sortable, prefixed ids: run_01j…"""

from collections.abc import Callable

from ulid import ULID

NewId = Callable[[str], str]


def new_id(prefix: str) -> str:
    """A new id; ids made later sort later (to the millisecond)."""
    return f"{prefix}_{str(ULID()).lower()}"
