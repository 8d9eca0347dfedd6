"""Files that are whole or absent: atomic replace, secrets, and the one-owner lock of a home."""

import errno
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kyros.kernel.errors import Busy, DiskFull, Invalid

_FULL = (errno.ENOSPC, errno.EDQUOT)


_NEARLY_FULL_BYTES = 16 * 1024 * 1024


class HomeUnusable(Invalid):
    code = "home_unusable"


class HomeTaken(Busy):
    code = "home_taken"


@contextmanager
def _naming_full(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFull(f"The disk that holds {place} is full: free some space and try again.") from error
        raise


def prepare_home(home: Path) -> Path:
    """Make the home (0700) and prove that it can be written. Returns its real path, without links."""
    try:
        home = home.expanduser().resolve()
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _naming_full(home), tempfile.TemporaryFile(dir=home) as probe:
            probe.write(bytes(4096))
            probe.flush()
    except (OSError, RuntimeError) as error:  # RuntimeError: ~name of nobody
        raise HomeUnusable(
            f"The home {home} cannot be written ({getattr(error, 'strerror', error)}): "
            "choose another with --home or KYROS_HOME, or mend its permissions.",
            home=str(home),
        ) from error
    return home


def replace_file(
    path: Path, content: bytes, mode: int = 0o644, last_look: Callable[[], None] = lambda: None
) -> os.stat_result:
    """Write temp + fsync + rename + fsync of the folder: readers see the old or the new, never half.
    Returns how the new file stands.

    Raises DiskFull, or what `last_look` raises just before the rename; the old file stands then.
    """
    with _naming_full(path):
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                os.fchmod(file.fileno(), mode)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
                stands = os.fstat(file.fileno())
            last_look()
            os.replace(temporary, path)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(temporary)
            raise
    sync_folder(path.parent)
    return stands


def sync_folder(path: Path) -> None:
    """What was made, renamed or removed in the folder survives a power cut once this returns."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def append_whole(file: int, content: bytes, path: Path) -> None:
    """Add to the end of an open file and sync. What was written of it is cut off again when that fails.

    Raises DiskFull; the file is as it was then.
    """
    end = os.lseek(file, 0, os.SEEK_END)
    with _naming_full(path):
        try:
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(file, rest) :]
            os.fsync(file)
        except OSError:
            os.ftruncate(file, end)
            raise


def remove_tree(path: Path) -> None:
    """Remove whatever lies there, whatever its permissions; links are not followed. Gone already is fine."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    try:
        shutil.rmtree(path)
    except PermissionError:
        path.chmod(0o700)
        for folder, names, _ in os.walk(path):
            for name in names:
                if not (below := Path(folder) / name).is_symlink():
                    below.chmod(0o700)
        shutil.rmtree(path)


def nearly_full(path: Path) -> bool:
    """Whether the disk under `path` has so little room that an unclear failure to write means just that."""
    try:
        return shutil.disk_usage(path).free < _NEARLY_FULL_BYTES
    except OSError:
        return False


class HomeLock:
    """The exclusive right of one `kyros up` to a home; the kernel drops it with the process."""

    def __init__(self, home: Path) -> None:
        self._path = home / "kyros.lock"
        self._file: int | None = None

    @property
    def descriptor(self) -> int:
        """For children: while one of them lives, the home is still taken."""
        assert self._file is not None, "take() comes first"
        return self._file

    def take(self, patience_seconds: float = 5.0) -> None:
        """Wait a moment for children of a killed owner to end; then raise HomeTaken."""
        file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + patience_seconds
        while not _locked(file):
            if time.monotonic() > deadline:
                owner = os.pread(file, 32, 0).decode(errors="replace").strip() or "unknown"
                os.close(file)
                raise HomeTaken(
                    f"Another Kyros (process {owner}) already runs on {self._path.parent}: "
                    "stop it first, or choose another home with --home.",
                )
            time.sleep(0.1)
        os.ftruncate(file, 0)
        os.pwrite(file, str(os.getpid()).encode(), 0)
        self._file = file

    def release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
