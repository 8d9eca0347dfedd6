"""Refs of the forge's bare repository: its own branches, and the upstream's as last seen.

refs/heads/* are the forge's own; refs/upstream/* and refs/tags/* mirror the source.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pygit2

HEADS = "refs/heads/"
UPSTREAM = "refs/upstream/"
TAGS = "refs/tags/"
REFSPECS = (f"+{HEADS}*:{UPSTREAM}*", f"+{TAGS}*:{TAGS}*")


@dataclass(frozen=True)
class SourceRefs:
    """What a source has: branches and tags by short name. `head` is the branch HEAD is on, None when
    it is detached or the far side does not say."""

    head: str | None
    branches: Mapping[str, str]
    tags: Mapping[str, str]

    def likely_base(self) -> str:
        """HEAD's branch, else main, master or the only one; empty when none of them is there."""
        only = next(iter(self.branches)) if len(self.branches) == 1 else None
        wanted = (self.head, "main", "master", only)
        return next((name for name in wanted if name is not None and name in self.branches), "")


def list_refs(repository: pygit2.Repository, prefix: str) -> dict[str, str]:
    """Short name -> sha of every ref below `prefix`; symbolic ones resolved, broken ones left out."""
    found: dict[str, str] = {}
    for ref in repository.references.iterator():
        if ref.name.startswith(prefix):
            try:
                found[ref.name.removeprefix(prefix)] = str(ref.resolve().target)
            except KeyError:
                continue
    return found


def is_valid(ref: str) -> bool:
    """Whether git would take it as the name of a ref; anything may be asked."""
    try:
        return "\0" not in ref and pygit2.reference_is_valid_name(ref)  # C reads up to the NUL only
    except UnicodeEncodeError:
        return False


def tip(repository: pygit2.Repository, ref: str) -> str | None:
    """The sha a ref stands at; None for one that is not there or never could be."""
    found = repository.references.get(ref) if is_valid(ref) else None
    return None if found is None else str(found.resolve().target)


def is_up_to_date(repository: pygit2.Repository, refs: SourceRefs) -> bool:
    return list_refs(repository, UPSTREAM) == refs.branches and list_refs(repository, TAGS) == refs.tags


def drop_vanished(repository: pygit2.Repository, refs: SourceRefs) -> None:
    """Forget upstream's branches and tags that are gone, so that `a` makes way for `a/b`."""
    for prefix, kept in ((UPSTREAM, refs.branches), (TAGS, refs.tags)):
        for name in list_refs(repository, prefix).keys() - kept.keys():
            repository.references.delete(prefix + name)


def write_packed(bare: Path, refs: SourceRefs) -> None:
    """Make upstream's refs the only ones of a repository that nobody else knows yet."""
    lines = [f"{sha} {UPSTREAM}{name}" for name, sha in refs.branches.items()]
    lines += [f"{sha} {TAGS}{name}" for name, sha in refs.tags.items()]
    (bare / "packed-refs").write_bytes(
        "".join(f"{line}\n" for line in lines).encode(errors="surrogateescape")
    )


def move(repository: pygit2.Repository, ref: str, old: str, new: str) -> bool:
    """Compare and swap: False when `ref` is no longer at `old`."""
    found = repository.references.get(ref)
    if found is None or str(found.target) != old:
        return False
    try:
        found.set_target(new)
    except pygit2.GitError as error:
        if "does not match" in str(error):
            return False
        raise
    return True


def delete(repository: pygit2.Repository, ref: str, old: str) -> bool:
    """Compare and delete: False when `ref` is no longer at `old`."""
    found = repository.references.get(ref)
    if found is None or str(found.target) != old:
        return False
    try:
        found.delete()
    except pygit2.GitError as error:
        if "does not match" in str(error):
            return False
        raise
    return True
