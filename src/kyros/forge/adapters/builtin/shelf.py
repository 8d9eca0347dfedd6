"""The folder of bare repositories: `<project_id>.git` each, made under a name of its own and renamed.

While one is being made it is called `.new-<project_id>` and its maker holds a lock on the folder. A
killed maker's lock is gone: whoever comes next finishes what has a row and throws away what has none.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pygit2

from kyros.forge.errors import GitBusy, RepositoryNotFound

_NEW = ".new-"
_TRIES = 3

_CONFIG = """\
[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = true
[gc]
\tauto = 0
[maintenance]
\tauto = false
[receive]
\tautogc = false
\tdenyNonFastForwards = true
\tdenyDeletes = true
[diff]
\tnoprefix = false
\tmnemonicPrefix = false
\tcontext = 3
\tinterHunkContext = 0
"""
"""Worktrees borrow these objects, so nothing may ever tidy them away; and a diff looks the same
whatever the user who runs Kyros likes to see."""


class Fresh:
    """A repository in the making; the lock says that its maker lives."""

    def __init__(self, folder: Path, project_id: str, lock: int) -> None:
        self.path = folder / f"{_NEW}{project_id}"
        self.project_id = project_id
        self._final = folder / f"{project_id}.git"
        self._lock = lock

    def keep(self) -> None:
        self.path.rename(self._final)
        self.release()

    def discard(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        self.release()

    def release(self) -> None:
        """Leave it as it is to whoever comes next."""
        os.close(self._lock)


class Shelf:
    """The forge's repositories on this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, project_id: str) -> Path:
        return self.folder / f"{project_id}.git"

    def has(self, project_id: str) -> bool:
        return self.path(project_id).is_dir()

    def open(self, project_id: str) -> pygit2.Repository:
        """Raises RepositoryNotFound when somebody took it away."""
        path = self.path(project_id)
        try:
            return pygit2.Repository(str(path))
        except pygit2.GitError as error:
            if path.is_dir():
                raise
            raise RepositoryNotFound(
                f"The forge's copy {path} is gone: hand over the repository once more to make it anew."
            ) from error

    def begin(self, project_id: str) -> Fresh:
        """An empty folder to build in. Raises GitBusy when another process builds the same."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.folder / f"{_NEW}{project_id}"
        for _ in range(_TRIES):
            path.mkdir(exist_ok=True, mode=0o700)
            if (lock := _lock(path)) is not None:
                return Fresh(self.folder, project_id, lock)
        raise GitBusy("Another process is copying the same repository: try again in a moment.")

    def abandoned(self) -> Iterator[Fresh]:
        """What killed makers left, each locked."""
        with suppress(FileNotFoundError), os.scandir(self.folder) as entries:
            names = [entry.name for entry in entries if entry.name.startswith(_NEW)]
            for name in names:
                if (lock := _lock(self.folder / name)) is not None:
                    yield Fresh(self.folder, name.removeprefix(_NEW), lock)

    @contextmanager
    def creating(self, project_id: str) -> Iterator[None]:
        """One creator of refs at a time, whatever its process: libgit2 looks before it locks."""
        handle = os.open(self.path(project_id), os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def furnish(bare: Path, default_base: str) -> None:
    """Our own configuration, whatever was copied, and a HEAD for people who clone it."""
    (bare / "config").write_text(_CONFIG)
    (bare / "HEAD").write_text(f"ref: refs/heads/{default_base or 'main'}\n")


def _lock(path: Path) -> int | None:
    """A locked descriptor of `path`, or None when a living maker has it or it just went away."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(handle).st_ino == path.stat().st_ino:
            return handle
    except OSError:
        pass  # held by another, or gone since it was opened: not ours either way
    os.close(handle)
    return None
