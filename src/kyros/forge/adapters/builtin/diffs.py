"""The unified diff of two trees, as git prints it."""

from collections.abc import Iterator

import pygit2
from pygit2.enums import DiffFind

_RENAMES_UP_TO_FILES = 2_000
_LIMIT_BYTES = 16_000_000


def diff_text(repository: pygit2.Repository, old: str, new: str) -> str:
    """From commit `old` to commit `new`: renames found, binary files named, bytes that are not UTF-8
    replaced. Past 16 MB, files are only named, as binary ones are."""
    diff = repository.diff(repository[old].peel(pygit2.Commit), repository[new].peel(pygit2.Commit))
    if len(diff) <= _RENAMES_UP_TO_FILES:
        diff.find_similar(flags=DiffFind.FIND_RENAMES)
    return b"".join(_bounded(diff)).decode(errors="replace")


def _bounded(diff: pygit2.Diff) -> Iterator[bytes]:
    left = _LIMIT_BYTES
    for patch in diff:
        if patch is not None:
            text = _as_git_does(patch)
            left -= len(text)
            yield text if left >= 0 else _named_only(patch)


def _named_only(patch: pygit2.Patch) -> bytes:
    old, new = patch.delta.old_file.path, patch.delta.new_file.path
    return f"diff --git a/{old} b/{new}\nBinary files a/{old} and b/{new} differ\n".encode()


def _as_git_does(patch: pygit2.Patch) -> bytes:
    """libgit2 names both sides of an empty file, where git sees no text to compare."""
    if patch.hunks or b"\n--- " not in patch.data:
        return patch.data
    return patch.data.partition(b"\n--- ")[0] + b"\n"


def merge_base(repository: pygit2.Repository, base: str, head: str) -> str:
    """Where the two parted; `base` itself when they have nothing in common."""
    found = repository.merge_base(base, head)
    return base if found is None else str(found)
