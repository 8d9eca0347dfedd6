"""The git side of one slot: lay out, compare, commit, push. libgit2 only; runs no hook and no filter.

A slot is a git directory of its own that borrows the bare repository's objects. An agent may do to it
what it likes: before each use we write its control files anew and bring back the index we saved, so
neither a planted config nor a doctored index survives.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import pygit2
from pygit2.enums import CheckoutStrategy, DiffOption, FileMode

from kyros.fleet.adapters.worktrees.slots import Slot
from kyros.fleet.errors import PushRefused
from kyros.fleet.model import Change

_CONFIG = """[core]
\trepositoryformatversion = 0
\tbare = false
\tlogallrefupdates = true
\thooksPath = /dev/null
[checkout]
\tworkers = 0
\tthresholdForParallelism = 100
[gc]
\tauto = 0
[user]
\tname = Kyros agent
\temail = agent@kyros.invalid
[remote "origin"]
\turl = {bare}
\tfetch = +refs/heads/*:refs/remotes/origin/*
"""
_CLEAN = CheckoutStrategy.FORCE | CheckoutStrategy.REMOVE_UNTRACKED | CheckoutStrategy.REMOVE_IGNORED
_EVERYTHING = DiffOption.INCLUDE_UNTRACKED | DiffOption.RECURSE_UNTRACKED_DIRS
_GIT_FOLDERS = ("objects/info", "objects/pack", "refs/heads", "info")


def open_slot(slot: Slot, bare: Path) -> pygit2.Repository:
    """The slot's repository with control files we wrote a moment ago; made if it is not there."""
    git = slot.folder / ".git"
    if git.is_symlink() or git.is_file():
        git.unlink()
    for name in _GIT_FOLDERS:
        (git / name).mkdir(parents=True, exist_ok=True)
    for stray in (
        "commondir",
        "gitdir",
        "config.worktree",
        "index.lock",
        "info/attributes",
        "info/sparse-checkout",
    ):
        (git / stray).unlink(missing_ok=True)
    shutil.rmtree(git / "hooks", ignore_errors=True)
    (git / "config").write_text(_CONFIG.format(bare=bare))
    (git / "objects/info/alternates").write_text(f"{bare / 'objects'}\n")
    (git / "info/exclude").write_text("")
    if not (git / "HEAD").is_file():
        (git / "HEAD").write_text("ref: refs/heads/none\n")
    if slot.saved_index.exists():
        shutil.copyfile(slot.saved_index, git / "index")
    return pygit2.Repository(str(git))


def point_at(repository: pygit2.Repository, branch: str, sha: str) -> None:
    """HEAD on `branch` at `sha`; the folder stays as it is."""
    repository.references.create(f"refs/heads/{branch}", sha, force=True)
    repository.set_head(f"refs/heads/{branch}")


def lay_out(slot: Slot, repository: pygit2.Repository, branch: str, sha: str) -> bool:
    """Make the folder exactly commit `sha` on `branch`. False when something resists cleaning."""
    if slot.laid_out is not None:  # libgit2 compares with HEAD: let it be what the saved index stands for
        repository.set_head(pygit2.Oid(hex=slot.laid_out))
    repository.checkout_tree(repository[sha], strategy=_CLEAN)  # type: ignore[no-untyped-call]  # pygit2's own
    point_at(repository, branch, sha)
    shutil.copyfile(slot.folder / ".git/index", slot.saved_index)
    return not repository.status(untracked_files="all", ignored=True)


def changes_since(repository: pygit2.Repository, sha: str) -> list[Change]:
    """Paths that differ from `sha`, whatever the agent staged or committed meanwhile, sorted.

    The saved index knows by their times which files nobody touched; only the others are read.
    """
    tree = repository[sha].peel(pygit2.Tree)
    index = repository.index
    suspects = {
        file.path
        for diff in (index.diff_to_workdir(flags=_EVERYTHING), tree.diff_to_index(index))
        for delta in diff.deltas
        for file in (delta.old_file, delta.new_file)
    }
    root = Path(repository.workdir)
    changes = []
    for path in sorted(suspects):
        there = (tree[path].id, tree[path].filemode) if path in tree else None
        entry = _entry(repository, path) if _is_file(root / path) else None
        if there != (entry and (entry.id, entry.mode)):
            changes.append(Change(path, there is None))
    return changes


def write_commit(
    repository: pygit2.Repository,
    parent: str,
    paths: Sequence[str],
    message: str,
    author: tuple[str, str],
    when: int,
) -> str:
    """A commit on `parent` with these paths as they are in the folder; `parent` itself if nothing differs."""
    root = Path(repository.workdir)
    index = pygit2.Index()
    index.read_tree(repository[parent].peel(pygit2.Tree))
    for path in paths:
        if _is_file(root / path):
            index.add(_entry(repository, path))
        elif path in index:
            index.remove(path)
    tree = index.write_tree(repository)
    if tree == repository[parent].peel(pygit2.Tree).id:
        return parent
    signature = pygit2.Signature(*author, when, 0)
    return str(repository.create_commit(None, signature, signature, message, tree, [parent]))


def push_commit(repository: pygit2.Repository, bare: Path, ref: str, sha: str, expected: str | None) -> None:
    """Move `ref` of the bare repository from `expected` to `sha` (None: wherever it is)."""
    there = pygit2.Repository(str(bare))
    now = str(there.references[ref].target) if ref in there.references else None
    if now == sha:
        return
    if expected is not None and now != expected:
        raise PushRefused(
            f"The branch {ref.removeprefix('refs/heads/')} moved to {str(now)[:10]} meanwhile; "
            "nothing was overwritten.",
            expected=expected,
            found=now,
        )
    repository.references.create("refs/kyros/outgoing", sha, force=True)
    repository.remotes.create_anonymous(str(bare)).push([f"refs/kyros/outgoing:{ref}"])


def _is_file(file: Path) -> bool:
    return file.is_symlink() or file.is_file()


def _entry(repository: pygit2.Repository, path: str) -> pygit2.IndexEntry:
    file = Path(repository.workdir) / path
    if file.is_symlink():
        target = str(file.readlink()).encode()
        return pygit2.IndexEntry(path, repository.create_blob(target), FileMode.LINK)
    mode = FileMode.BLOB_EXECUTABLE if os.access(file, os.X_OK) else FileMode.BLOB
    return pygit2.IndexEntry(path, repository.create_blob_fromworkdir(path), mode)
