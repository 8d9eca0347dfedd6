"""A state file that somebody edited by hand, as far as it differs from what Kyros wrote."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kyros.collab.model.state import Kind


@dataclass(frozen=True)
class HandItem:
    """One item whose content is not what its `etag` line says. `fields` are as they stand there, that line
    left out; `tag` is the line, None without one."""

    fields: Mapping[str, object]
    tag: str | None


@dataclass(frozen=True)
class HandEdit:
    """`revision` is the one on top; `names` are all ids, resources or names in the file; `complete` says
    that nothing Kyros had written into it was taken out."""

    kind: Kind
    revision: int
    names: frozenset[str]
    changed: Sequence[HandItem]
    complete: bool

    @property
    def is_ours(self) -> bool:
        """Nobody edited it: it is what Kyros wrote at one time or another."""
        return self.complete and not self.changed


NAMED_BY = {Kind.TASKS: "id", Kind.LOCKS: "resource", Kind.AGENTS: "name"}
"""The field that names an item of each file."""
