"""Our git side of one slot: lay out, compare, commit, push. libgit2 only; runs no hook and no filter.

The git directory lies beside the agent's folder and borrows the bare repository's objects. Its index
remembers by their times which files nobody touched, and no agent can doctor it.
"""

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import pygit2
from pygit2.enums import CheckoutStrategy, DiffOption, FileMode

from kyros.fleet.adapters.worktrees.slots import Slot
from kyros.fleet.errors import PushRefused
from kyros.fleet.model import Change

_CONFIG = """[core]
\trepositoryformatversion = 0
\tbare = false
\tworktree = {folder}
\thooksPath = /dev/null
[checkout]
\tworkers = 0
\tthresholdForParallelism = 100
[gc]
\tauto = 0
"""
_CLEAN = CheckoutStrategy.FORCE | CheckoutStrategy.REMOVE_UNTRACKED | CheckoutStrategy.REMOVE_IGNORED
_EVERYTHING = DiffOption.INCLUDE_UNTRACKED | DiffOption.RECURSE_UNTRACKED_DIRS
_IGNORED_TOO = DiffOption.INCLUDE_IGNORED | DiffOption.RECURSE_IGNORED_DIRS
_READ_BYTES = 50_000_000


def open_slot(slot: Slot, bare: Path) -> pygit2.Repository:
    """The slot's repository; made if it is not there. A home may have moved: paths are written anew."""
    git = slot.git_folder
    for name in ("objects/info", "objects/pack", "refs/heads"):
        (git / name).mkdir(parents=True, exist_ok=True)
    (git / "config").write_text(_CONFIG.format(folder=slot.folder))
    (git / "objects/info/alternates").write_text(f"{bare / 'objects'}\n")
    if not (git / "HEAD").is_file():
        (git / "HEAD").write_text("ref: refs/heads/none\n")
    return pygit2.Repository(str(git))


def lay_out(slot: Slot, repository: pygit2.Repository, sha: str, is_untouched: bool) -> bool:
    """Make the folder exactly commit `sha`. False when something resists cleaning. One that nobody had since
    it was cleaned is only compared, where it stands at that commit."""
    if is_untouched and slot.laid_out == sha and _is_clean(repository):
        return True
    if slot.laid_out is not None:  # libgit2 compares with HEAD: let it be what the index stands for
        repository.set_head(pygit2.Oid(hex=slot.laid_out))
    repository.checkout_tree(repository[sha], strategy=_CLEAN)  # type: ignore[no-untyped-call]  # pygit2's own
    repository.set_head(pygit2.Oid(hex=sha))
    return _is_clean(repository)


def _is_clean(repository: pygit2.Repository) -> bool:
    """The folder is what the index says, and nothing else lies in it, ignored or not."""
    return not len(repository.index.diff_to_workdir(flags=_EVERYTHING | _IGNORED_TOO))


def changes_since(repository: pygit2.Repository, sha: str) -> list[Change]:
    """Paths that differ from `sha`, whatever the agent staged or committed meanwhile, sorted.

    Submodules are not ours to change. A repository the agent made within is named with a slash at its end.
    """
    tree = repository[sha].peel(pygit2.Tree)
    index = repository.index
    suspects = {
        file.path
        for diff in (index.diff_to_workdir(flags=_EVERYTHING), tree.diff_to_index(index))
        for delta in diff.deltas
        for file in (delta.old_file, delta.new_file)
    }
    found = (_change(repository, tree, path) for path in sorted(suspects))
    return [change for change in found if change is not None]


def _change(repository: pygit2.Repository, tree: pygit2.Tree, path: str) -> Change | None:
    there = tree[path] if path in tree else None  # noqa: SIM401 - a pygit2 tree has no get
    if isinstance(there, pygit2.Tree):  # a folder was there, now it is a file or link
        there = None
    if there is not None and there.filemode == FileMode.COMMIT:
        return None
    file = Path(repository.workdir) / path
    if path.endswith("/"):
        return Change(path, True)
    if not is_own_file(Path(repository.workdir), path):
        return None if there is None else Change(path, False)
    size = file.lstat().st_size
    if there is not None and size <= _READ_BYTES:
        entry = _entry(repository, path)
        if (there.id, there.filemode) == (entry.id, entry.mode):
            return None
    return Change(path, there is None, size)


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
    for path in paths:  # removals first: a folder may have become a file
        if path in index and not is_own_file(root, path):
            index.remove(path)
    for path in paths:
        if is_own_file(root, path):
            index.add(_entry(repository, path))
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


def is_own_file(root: Path, path: str) -> bool:
    """A regular file or a link that lies in the folder itself, not behind a link to elsewhere."""
    file = root / path
    behind_link = any((root / parent).is_symlink() for parent in PurePosixPath(path).parents)
    return not behind_link and (file.is_symlink() or file.is_file())


def _entry(repository: pygit2.Repository, path: str) -> pygit2.IndexEntry:
    file = Path(repository.workdir) / path
    if file.is_symlink():
        target = str(file.readlink()).encode()
        return pygit2.IndexEntry(path, repository.create_blob(target), FileMode.LINK)
    mode = FileMode.BLOB_EXECUTABLE if os.access(file, os.X_OK) else FileMode.BLOB
    return pygit2.IndexEntry(path, repository.create_blob_fromworkdir(path), mode)
