"""What can be leased: resources by name, and which of them stand in each other's way.

    task:T-100             a task
    branch:PROJECT/NAME    a branch
    path:PROJECT/GLOB      files of a project; conflicts where one path can be matched by both
    session:ID             a live agent program: Kyros' own, as the next three
    run:ID                 who works on a run
    keyboard:ID            who types into a run's agent
    pool:ID                a worker's pool
    anything else          a name of your own

A path without wildcard stands for itself and all below it: `path:shop/src` stands in the way of
`path:shop/src/cart.py`. A glob stands for the very paths it matches: `src/*` leaves `src/a/b` alone.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from kyros.collab.errors import ResourceInvalid
from kyros.collab.model.glob import WILD, meet, segments_of

MAX_CHARACTERS = 500
_MAX_GLOB = 200
_MAX_WILD = 24
_OURS = ("run", "session", "keyboard", "pool")
_PROJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_TASK = re.compile(r"T-[1-9][0-9]{0,17}")


@dataclass(frozen=True)
class Resource:
    """`fence` is the name its fencing tokens are counted under: paths of one project share theirs, so that
    the tokens of overlapping globs can be compared. `segments` are a path's."""

    name: str
    kind: str
    fence: str
    project_id: str | None = None
    task_id: str | None = None
    segments: Sequence[str] = ()

    @property
    def is_path(self) -> bool:
        return self.kind == "path"

    @property
    def is_ours(self) -> bool:
        """Only operators and Kyros itself may take it."""
        return self.kind in _OURS


@lru_cache(maxsize=4_096)
def parse_resource(name: str) -> Resource:
    """Raises ResourceInvalid."""
    _check_characters(name)
    kind, colon, rest = name.partition(":")
    if colon and not rest:
        raise ResourceInvalid(f"{name!r} names nothing after the colon.")
    if kind == "task" and colon:
        if not _TASK.fullmatch(rest):
            raise ResourceInvalid(f"{name!r} is no task: tasks read task:T-100.")
        return Resource(name, kind, name, task_id=rest)
    if kind in ("branch", "path") and colon:
        project_id, _, inner = rest.partition("/")
        if not inner or not _PROJECT.fullmatch(project_id):
            raise ResourceInvalid(f"{name!r} names no {kind}: write {kind}:PROJECT/{_EXAMPLES[kind]}.")
        if kind == "branch":
            return Resource(name, kind, name, project_id)
        return Resource(name, kind, f"path:{project_id}", project_id, segments=_path(inner))
    return Resource(name, kind if colon else "", name)


def conflict(left: Resource, right: Resource) -> bool:
    """Whether two holders may not have them at one time."""
    if left.name == right.name:
        return True
    both = left.is_path and right.is_path and left.project_id == right.project_id
    return both and meet(left.segments, right.segments)


_EXAMPLES = {"branch": "NAME", "path": "src/**"}


def _path(glob: str) -> tuple[str, ...]:
    choices = glob.count(",") if "{" in glob else 0
    wildcards = sum(one in WILD for one in glob)
    if wildcards and (len(glob) > _MAX_GLOB or max(wildcards, choices) > _MAX_WILD):
        raise ResourceInvalid(
            f"A glob has at most {_MAX_GLOB} characters, {_MAX_WILD} wildcards and as many commas in braces: "
            "take several leases together, or a folder."
        )
    return tuple(segments_of(glob))


def _check_characters(name: str) -> None:
    if not 1 <= len(name) <= MAX_CHARACTERS:
        raise ResourceInvalid(f"A resource's name has 1 to {MAX_CHARACTERS} characters.")
    unseen = next((one for one in name if unicodedata.category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp")), None)
    if unseen is not None:
        raise ResourceInvalid(f"A resource's name has no character U+{ord(unseen):04X}.")
    if name != name.strip():
        raise ResourceInvalid("A resource's name neither begins nor ends with white space.")
