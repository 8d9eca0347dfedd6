"""Merging a pull request without a checkout, and recognising that it was merged before."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pygit2
from pygit2.enums import SortMode

from kyros.forge.adapters.builtin.branches import write_commit
from kyros.forge.adapters.builtin.diffs import merge_base
from kyros.forge.adapters.builtin.refs import HEADS, move, tip
from kyros.forge.adapters.builtin.trees import find_entry
from kyros.forge.errors import BaseNotFound, BranchMoved, GitBusy, MergeConflict, PullNotOpen
from kyros.forge.model import Commit, Pull

TRAILER = "Kyros-Pull"
_TRIES = 10
_SHOWN = 5


@dataclass(frozen=True)
class Merged:
    """`base_sha` is what the pull's own changes are counted from."""

    head_sha: str
    base_sha: str
    merge_sha: str


def merge(repository: pygit2.Repository, pull: Pull, commit: Commit, drop: Sequence[str]) -> Merged:
    """Raises MergeConflict, BranchMoved, PullNotOpen, BaseNotFound; tried again while the base moves."""
    for _ in range(_TRIES):
        base = tip(repository, HEADS + pull.base)
        if base is None:
            raise BaseNotFound(f"{pull.project_name} has no branch {pull.base} any more.", base=pull.base)
        before = find_merge(repository, pull, base)
        if before is not None:
            return before
        head = _head(repository, pull)
        tree = _merged_tree(repository, pull, base, head, drop)
        sha = write_commit(repository, tree, [base, head], _with_trailer(commit, pull.id))
        if move(repository, HEADS + pull.base, base, sha):
            return Merged(head, base, sha)
    raise GitBusy(f"The branch {pull.base} of {pull.project_name} keeps moving: try again in a moment.")


def find_merge(repository: pygit2.Repository, pull: Pull, base: str) -> Merged | None:
    """A merge of this very pull that stands on the base already: ours by its trailer, or another's that
    brought the head's commits in."""
    walk = repository.walk(base, SortMode.TOPOLOGICAL)
    walk.simplify_first_parent()
    walk.hide(pull.base_sha)
    line = list(walk)
    for made in line:
        parents = [str(parent) for parent in made.parent_ids]
        if parents[1:] == [pull.head_sha] and made.message_trailers.get(TRAILER) == pull.id:
            return Merged(pull.head_sha, parents[0], str(made.id))
    if pull.head_sha == pull.base_sha or not _contains(repository, base, pull.head_sha):
        return None
    first = next(made for made in reversed(line) if _contains(repository, str(made.id), pull.head_sha))
    return Merged(pull.head_sha, pull.base_sha, str(first.id))


def diff_ends(repository: pygit2.Repository, pull: Pull) -> tuple[str, str]:
    """The two commits between which the pull's diff lies; once merged, the merge as it was made."""
    if pull.merge_sha is not None:
        made = repository[pull.merge_sha].peel(pygit2.Commit)
        if [str(parent) for parent in made.parent_ids] == [pull.base_sha, pull.head_sha]:
            return pull.base_sha, pull.merge_sha
    return pull.base_sha, pull.head_sha


def _contains(repository: pygit2.Repository, branch: str, sha: str) -> bool:
    return branch == sha or repository.descendant_of(branch, sha)


def _head(repository: pygit2.Repository, pull: Pull) -> str:
    head = tip(repository, HEADS + pull.head)
    name = f"{pull.project_name}#{pull.number}"
    if head is None:
        raise PullNotOpen(f"The branch of pull request {name} is gone: close it.", pull_id=pull.id)
    if head != pull.head_sha:
        raise BranchMoved(
            f"The branch of pull request {name} has moved since it was last read: "
            "look at its diff again, then merge.",
            pull_id=pull.id,
            head_sha=head,
        )
    if head == pull.base_sha:
        raise PullNotOpen(
            f"Pull request {name} has nothing to merge: its branch has no commit of its own.", pull_id=pull.id
        )
    return head


def _merged_tree(
    repository: pygit2.Repository, pull: Pull, base: str, head: str, drop: Sequence[str]
) -> pygit2.Oid:
    index = repository.merge_commits(base, head)
    parted = repository[merge_base(repository, base, head)].peel(pygit2.Tree)
    for path in drop:
        if find_entry(parted, path) is None:
            _restore(index, path, repository[base].peel(pygit2.Tree))
    if index.conflicts:
        raise _conflict(pull, index)
    return index.write_tree(repository)


def _restore(index: pygit2.index.Index, path: str, base: pygit2.Tree) -> None:
    """What the branch did to a file that is not to be merged never happened."""
    if index.conflicts is not None and path in index.conflicts:
        del index.conflicts[path]
    if path in index:
        index.remove(path)
    there = find_entry(base, path)
    if there is not None and there.filemode is not None:
        index.add(pygit2.IndexEntry(path, there.id, there.filemode))


def _conflict(pull: Pull, index: pygit2.index.Index) -> MergeConflict:
    sides = [side for sides in index.conflicts or () for side in sides if side is not None]
    paths = sorted({side.path for side in sides})
    shown = ", ".join(paths[:_SHOWN]) + (f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else "")
    return MergeConflict(
        f"Pull request {pull.project_name}#{pull.number} conflicts with {pull.base} in {shown}: "
        f"bring {pull.base} into {pull.head} and settle it there, then merge.",
        paths=paths,
    )


def _with_trailer(commit: Commit, pull_id: str) -> Commit:
    text = commit.message.rstrip()
    *above, last = text.split("\n\n")
    has_trailers = bool(above) and all(re.match(r"[\w-]+: ", row) for row in last.splitlines())
    gap = "\n" if has_trailers else "\n\n"
    return replace(commit, message=f"{text}{gap}{TRAILER}: {pull_id}\n")
