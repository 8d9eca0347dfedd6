"""The folder playbook works in: which paths it may touch, and reading and writing there.

Every part of a path is opened below the part before it and never through a symbolic link, so what
was checked is what is written, whatever a command did in between.
"""

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class PathRefused(Exception):
    """The path leads out of the folder or is none; the message says which and why."""


class Folder:
    """`root` is the folder; all paths given are as TASK.md wrote them."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def check(self, path: str) -> None:
        """Raise PathRefused unless the path stays inside; touches nothing."""
        parts = _parts(path)
        seen = self._root
        for part in parts:
            seen /= part
            if seen.is_symlink():
                raise _refused(path, "it goes through a symbolic link")
        if seen.is_dir():
            raise _refused(path, "it is a folder")

    def read(self, path: str) -> bytes | None:
        """The file's bytes, or None if there is none."""
        try:
            with self._parent(path, _enter) as parent:
                return parent.read()
        except FileNotFoundError:
            return None

    def write(self, path: str, content: bytes, mode: int | None = None) -> None:
        """Write it whole, making its parents; an existing file keeps its mode unless one is given."""
        with self._parent(path, _enter_or_make) as parent:
            parent.write(content, mode)

    def remove(self, path: str) -> None:
        """Remove the file and the parents it leaves empty."""
        with self._parent(path, _enter) as parent:
            os.unlink(parent.name, dir_fd=parent.handle)
        folders = _parts(path)[:-1]
        with suppress(OSError):  # not empty: then it stays
            while folders:
                self._root.joinpath(*folders).rmdir()
                folders.pop()

    def mode(self, path: str) -> int:
        """Permission bits of an existing file."""
        with self._parent(path, _enter) as parent:
            return stat.S_IMODE(os.stat(parent.name, dir_fd=parent.handle, follow_symlinks=False).st_mode)

    def _parent(self, path: str, enter: Callable[[int, str], int]) -> "_Parent":
        *folders, name = _parts(path)
        handle = os.open(self._root, _FOLDER)
        for part in folders:
            try:
                below = enter(handle, part)
            except OSError as error:
                raise _refusal(path, handle, part, error) from error
            finally:
                os.close(handle)
            handle = below
        return _Parent(path, handle, name)


def _enter(handle: int, part: str) -> int:
    return os.open(part, _FOLDER, dir_fd=handle)


def _enter_or_make(handle: int, part: str) -> int:
    with suppress(FileExistsError):
        os.mkdir(part, dir_fd=handle)
    return _enter(handle, part)


class _Parent:
    """The opened folder that holds (or will hold) one file."""

    def __init__(self, path: str, handle: int, name: str) -> None:
        self._path = path
        self.handle = handle
        self.name = name

    def __enter__(self) -> "_Parent":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.handle)

    def read(self) -> bytes:
        with os.fdopen(self._open(_READ), "rb") as file:
            return file.read()

    def write(self, content: bytes, mode: int | None) -> None:
        with os.fdopen(self._open(_WRITE), "wb") as file:
            file.truncate()
            file.write(content)
            if mode is not None:
                os.fchmod(file.fileno(), mode)

    def _open(self, flags: int) -> int:
        try:
            handle = os.open(self.name, flags, 0o666, dir_fd=self.handle)
        except OSError as error:
            raise _refusal(self._path, self.handle, self.name, error) from error
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise _refused(self._path, "it is not a regular file")
        return handle


def _refusal(path: str, handle: int, part: str, error: OSError) -> Exception:
    """The clear reason why `part` of `path` did not open, or the error as it was."""
    try:
        kind = stat.S_IFMT(os.stat(part, dir_fd=handle, follow_symlinks=False).st_mode)
    except OSError:
        return error
    if kind == stat.S_IFLNK:
        return _refused(path, "it goes through a symbolic link")
    if isinstance(error, NotADirectoryError):
        return _refused(path, f"{part} is a file, not a folder")
    return _refused(path, "it is a folder") if kind == stat.S_IFDIR else error


def _parts(path: str) -> list[str]:
    if path.startswith(("/", "~/")):
        raise _refused(path, "it is absolute")
    if any(ord(sign) < 32 or ord(sign) == 127 for sign in path):
        raise _refused(path, "it has a control character")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise _refused(path, "it climbs out with ..")
    if any(part.casefold() == ".git" for part in parts):
        raise _refused(path, "it leads into .git")
    if not parts or path.endswith("/"):
        raise _refused(path, "it names a folder, not a file")
    return parts


def _refused(path: str, reason: str) -> PathRefused:
    return PathRefused(
        f"{path!r} is refused because {reason}: playbook only touches files inside its own folder."
    )
