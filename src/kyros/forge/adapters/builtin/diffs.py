"""The unified diff of two trees, as git prints it."""

import pygit2
from pygit2.enums import DiffFind


def diff_text(repository: pygit2.Repository, old: str, new: str) -> str:
    """From commit `old` to commit `new`: renames found, binary files named, bytes that are not UTF-8
    replaced."""
    diff = repository.diff(repository[old].peel(pygit2.Commit), repository[new].peel(pygit2.Commit))
    diff.find_similar(flags=DiffFind.FIND_RENAMES)
    return b"".join(_as_git_does(patch) for patch in diff if patch is not None).decode(errors="replace")


def _as_git_does(patch: pygit2.Patch) -> bytes:
    """libgit2 names both sides of an empty file, where git sees no text to compare."""
    if patch.hunks or b"\n--- " not in patch.data:
        return patch.data
    return patch.data.partition(b"\n--- ")[0] + b"\n"


def merge_base(repository: pygit2.Repository, base: str, head: str) -> str:
    """Where the two parted; `base` itself when they have nothing in common."""
    found = repository.merge_base(base, head)
    return base if found is None else str(found)
