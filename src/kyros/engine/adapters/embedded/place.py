"""Where the bus's socket lives: `<home>/run/bus.sock`, reachable by the owner of the home alone.

A path longer than AF_UNIX carries (103 bytes everywhere) moves to a folder of the temporary
directory named after the user and the home's hash; every process of a home must then share TMPDIR.
"""

import hashlib
import os
import socket
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from kyros.engine.errors import BusPlaceUnsafe, BusTaken

_LONGEST = 103


def socket_path(home: Path) -> Path:
    """The socket of this home, whether it exists or not."""
    wanted = home.absolute() / "run" / "bus.sock"
    if len(os.fsencode(wanted)) <= _LONGEST:
        return wanted
    digest = hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"kyros-{os.getuid()}-{digest}" / "bus.sock"


def bind_socket(path: Path) -> socket.socket:
    """A bound socket at `path`, in place of one a killed server left.

    Raises BusTaken when a live process listens there, BusPlaceUnsafe when others could reach it.
    """
    _prepare_folder(path.parent)
    _remove_stale(path)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        bound.bind(str(path))
        path.chmod(0o600)
    except BaseException:
        bound.close()
        raise
    return bound


def _prepare_folder(folder: Path) -> None:
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise BusPlaceUnsafe(f"The folder {folder} belongs to somebody else: remove it and start again.")
    if found.st_mode & 0o077:
        folder.chmod(0o700)


def _remove_stale(path: Path) -> None:
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        probe.connect(str(path))
    except FileNotFoundError:
        return
    except ConnectionRefusedError:
        path.unlink(missing_ok=True)
    else:
        raise BusTaken(f"Another Kyros server already listens on {path}: stop it first.")
    finally:
        probe.close()
