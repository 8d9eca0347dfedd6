"""Files of one worktree, read and written for a program: regular ones within it, never in `.git`."""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kyros.drivers.adapters.acp.wire import INTERNAL_ERROR, INVALID_PARAMS, NOT_FOUND, Refused

SIZE_LIMIT_BYTES = 10_000_000


class Files:
    """Every method blocks and raises Refused. Links are followed first and none after: what is swapped
    between the look and the deed is not followed out of the worktree."""

    def __init__(self, folder: Path) -> None:
        self._root = folder.resolve()

    def locate(self, path: str) -> Path:
        """The path that is meant, with links followed."""
        try:
            real = Path(os.path.realpath(self._root / path))
        except (OSError, ValueError) as error:  # NUL, or a circle of links
            raise Refused(INVALID_PARAMS, f"{path!r} is no path.") from error
        if real == self._root or not real.is_relative_to(self._root):
            raise Refused(INVALID_PARAMS, f"{path} is not a file in the worktree {self._root}.")
        if any(part.lower() == ".git" for part in real.relative_to(self._root).parts):
            raise Refused(INVALID_PARAMS, f"{path} lies in .git, which is not to be touched.")
        return real

    def read(self, path: str, line: int | None = None, limit: int | None = None) -> str:
        """The text, or `limit` lines of it from `line` on, which counts from 1."""
        real = self.locate(path)
        with _told(path), self._folder_of(real) as folder:
            data = _read(real.name, folder, path)
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Refused(INTERNAL_ERROR, f"{path} is no UTF-8 text.") from error
        if line is None and limit is None:
            return text
        start = max((line or 1) - 1, 0)
        lines = text.split("\n")
        kept = lines[start:] if limit is None else lines[start : start + max(limit, 0)]
        is_cut = start + len(kept) < len(lines)
        return "\n".join(kept) + ("\n" if is_cut and kept else "")

    def write(self, path: str, text: str) -> None:
        """All of it or nothing; the mode of a file that is there is kept, folders are made."""
        data = text.encode("utf-8", "replace")
        if len(data) > SIZE_LIMIT_BYTES:
            raise Refused(INVALID_PARAMS, f"{path} would be {len(data):,} bytes: the limit is 10 MB.")
        real = self.locate(path)
        with _told(path), self._folder_of(real, make=True) as folder:
            _replace(real.name, folder, data, path)

    @contextmanager
    def _folder_of(self, real: Path, make: bool = False) -> Iterator[int]:
        folder = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for part in real.relative_to(self._root).parts[:-1]:
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(part, dir_fd=folder)
                inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
                os.close(folder)
                folder = inner
            yield folder
        finally:
            os.close(folder)


@contextmanager
def _told(path: str) -> Iterator[None]:
    """What the system says, as the program expects it."""
    try:
        yield
    except FileNotFoundError as error:
        raise Refused(NOT_FOUND, f"Resource not found: {path}") from error
    except OSError as error:
        raise Refused(INTERNAL_ERROR, f"{path}: {error.strerror}.") from error


def _read(name: str, folder: int, path: str) -> bytes:
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    with open(descriptor, "rb") as file:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise Refused(INVALID_PARAMS, f"{path} is no regular file.")
        data = file.read(SIZE_LIMIT_BYTES + 1)
    if len(data) > SIZE_LIMIT_BYTES:
        raise Refused(INVALID_PARAMS, f"{path} is larger than 10 MB: read it with a command.")
    return data


def _replace(name: str, folder: int, data: bytes, path: str) -> None:
    mode = None
    with suppress(FileNotFoundError):
        facts = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if not stat.S_ISREG(facts.st_mode):
            raise Refused(INVALID_PARAMS, f"{path} is no regular file.")
        mode = stat.S_IMODE(facts.st_mode)
    beside = f".{secrets.token_hex(8)}.tmp"
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666, dir_fd=folder)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            if mode is not None:
                os.fchmod(descriptor, mode)
        os.rename(beside, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(OSError):
            os.unlink(beside, dir_fd=folder)
        raise
