"""The folder of state files on the disk: its lock, who wrote what last, replacing and setting aside."""

import fcntl
import os
import stat
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import orjson

from kyros.collab.errors import StateUnusable
from kyros.collab.model import Kind
from kyros.infra.files import remove_tree, replace_file

_RECORD_BYTES = 4096
_KEPT = "set-aside"


@dataclass(frozen=True)
class Sign:
    """How a file stands: enough to see that somebody has written it since. Times in nanoseconds."""

    inode: int
    mtime_ns: int
    size: int


@dataclass(frozen=True)
class Written:
    """The file as a Kyros last left it, and the revision it shows."""

    sign: Sign
    revision: int


class ChangedMeanwhile(Exception):
    """Somebody wrote the file between the look and the replace: look again. Never leaves this package."""


class StateFolder:
    """One process's hold on the folder. The lock file says who is writing (flock, which ends with its
    process) and what was written last, so that every process knows a foreign hand. Blocks: disk only."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock: int | None = None
        self._busy = threading.Lock()

    def path(self, kind: Kind) -> Path:
        return self.root / f"{kind.value}.json"

    def try_lock(self) -> bool:
        """False while another process has it."""
        if self._lock is None:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        if self._is_gone(self._lock):  # removed under us: others lock another file by now
            self.close()
            return self.try_lock()
        return True

    def unlock(self) -> None:
        """Once no replace of ours is under way any more."""
        with self._busy:
            if self._lock is not None:
                fcntl.flock(self._lock, fcntl.LOCK_UN)

    def close(self) -> None:
        with self._busy:
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None

    def look(self, kind: Kind) -> Sign | None:
        """How the file stands; None when there is none. Raises StateUnusable for anything but a file."""
        path = self.path(kind)
        try:
            found = path.lstat()
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(found.st_mode):
            raise StateUnusable(
                f"{path} is {_what(found.st_mode)}, and Kyros writes only plain files there: move it away; "
                "the file is made anew.",
                path=str(path),
            )
        return _sign(found)

    def written(self) -> Mapping[Kind, Written]:
        """What a Kyros wrote last, under the lock. Empty when that is not known."""
        assert self._lock is not None, "try_lock() comes first"
        try:
            record = orjson.loads(os.pread(self._lock, _RECORD_BYTES, 0))
            return {Kind(kind): Written(Sign(*sign), number) for kind, (number, *sign) in record.items()}
        except (ValueError, TypeError, AttributeError):
            return {}

    def note(self, written: Mapping[Kind, Written]) -> None:
        """Tell the other processes. Lost in a power cut, it is found out from the files again."""
        assert self._lock is not None, "try_lock() comes first"
        record = {
            kind.value: (one.revision, one.sign.inode, one.sign.mtime_ns, one.sign.size)
            for kind, one in written.items()
        }
        text = orjson.dumps(record)
        os.ftruncate(self._lock, os.pwrite(self._lock, text, 0))

    def read(self, kind: Kind) -> bytes:
        """Raises ChangedMeanwhile when it has gone."""
        try:
            handle = os.open(self.path(kind), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError as gone:
            raise ChangedMeanwhile from gone
        with os.fdopen(handle, "rb") as file:
            return file.read()

    def replace(self, kind: Kind, content: bytes, known: Sign | None) -> Sign:
        """Put `content` in place of the file that stands as `known`. Raises ChangedMeanwhile, DiskFull."""

        def last_look() -> None:
            if self.look(kind) != known:
                raise ChangedMeanwhile

        with self._busy:
            return _sign(replace_file(self.path(kind), content, 0o600, last_look))

    def sweep(self) -> None:
        """Remove what a Kyros killed in the middle of a replace left behind, under the lock."""
        for kind in Kind:
            for left in self.root.glob(f".{kind.value}.json.*"):
                remove_tree(left)

    def set_aside(self, kind: Kind, now: datetime) -> str:
        """Keep the file under another name as well, over nothing. Returns its path below the root."""
        folder = self.root / _KEPT
        folder.mkdir(exist_ok=True, mode=0o700)
        name = f"{kind.value}-{now:%Y%m%dT%H%M%S.%fZ}"
        for more in ("", *(f"-{number}" for number in range(1, 1000))):
            with suppress(FileExistsError):
                self._keep(kind, folder / f"{name}{more}.json")
                _sync(folder)
                return f"{_KEPT}/{name}{more}.json"
        raise StateUnusable(f"{folder} is full of files of this moment: move them away.", path=str(folder))

    def move_aside(self, now: datetime) -> Path | None:
        """Move the files of all kinds into a folder of this moment; None when there are none."""
        here = [self.path(kind) for kind in Kind if self.path(kind).exists()]
        if not here:
            return None
        place = self.root / f"moved-{now:%Y%m%dT%H%M%S.%fZ}"
        place.mkdir(mode=0o700)
        for path in here:
            path.rename(place / path.name)
        return place

    def _keep(self, kind: Kind, place: Path) -> None:
        try:
            os.link(self.path(kind), place, follow_symlinks=False)
        except PermissionError:  # a file system without hard links says so this way
            with open(place, "xb") as copy:
                copy.write(self.read(kind))
        _sync(place)

    @property
    def _lock_path(self) -> Path:
        return self.root / ".lock"

    def _is_gone(self, handle: int) -> bool:
        try:
            return not os.path.samestat(os.fstat(handle), self._lock_path.lstat())
        except FileNotFoundError:
            return True


def _sync(path: Path) -> None:
    """Bring a file's content, or a folder's names, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sign(found: os.stat_result) -> Sign:
    return Sign(found.st_ino, found.st_mtime_ns, found.st_size)


def _what(mode: int) -> str:
    if stat.S_ISLNK(mode):
        return "a symbolic link"
    return "a folder" if stat.S_ISDIR(mode) else "no plain file"
