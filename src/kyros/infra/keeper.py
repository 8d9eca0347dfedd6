"""Runs one program in a plain process tree and outlives all that it starts. A script, started by path:

    python -I -S keeper.py [LIMIT=NUMBER…] -- PROGRAM [ARGUMENT…]

A daemon may throw away its session, its group and its environment; it cannot choose whose child it becomes
when its parent ends. That is us (PR_SET_CHILD_SUBREAPER), so whatever the program started stays below us.
When the program ends, or whoever started us dies, everything below is killed. We end as the program ended.

LIMIT is cpu (seconds), data (bytes), fsize (bytes), nofile.
"""

import ctypes
import os
import resource
import signal
import sys
import time
from types import FrameType

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_ORPHANED = signal.SIGRTMIN
_PASSED_ON = (signal.SIGHUP,)
"""A hang-up of the terminal is told to the session's leader alone."""
_FOR_THE_GROUP = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)
"""The program gets these as a member of our group."""


class _Orphaned(Exception):
    """Whoever started us is gone."""


def main(words: list[str]) -> None:
    cut = words.index("--")
    limits, command = dict(word.split("=", 1) for word in words[:cut]), words[cut + 1 :]
    for number in (_ORPHANED, *_PASSED_ON, *_FOR_THE_GROUP):
        signal.signal(number, _be_orphaned if number == _ORPHANED else _ignore)
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    libc.prctl(_PR_SET_PDEATHSIG, int(_ORPHANED), 0, 0, 0)
    status = int(signal.SIGKILL)
    try:
        child = os.fork()
        if child == 0:
            _become(command, limits)
        for number in _PASSED_ON:
            signal.signal(number, lambda received, _: _send(child, received))
        status = _wait_for(child)
    except _Orphaned:
        pass
    finally:
        signal.signal(_ORPHANED, _ignore)
        _kill_everything()
    _end_like(status)


def _become(command: list[str], limits: dict[str, str]) -> None:
    try:
        for number in (_ORPHANED, *_PASSED_ON, *_FOR_THE_GROUP):
            signal.signal(number, signal.SIG_DFL)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them; a program would inherit that
            signal.signal(number, signal.SIG_DFL)
        for name, value in {"core": "0", **limits}.items():
            resource.setrlimit(getattr(resource, f"RLIMIT_{name.upper()}"), (int(value), int(value)))
        os.execvp(command[0], command)  # noqa: S606 - no shell is wanted
    except (OSError, ValueError, OverflowError) as error:  # the latter two by limits that may not be set
        os.write(2, f"{command[0]} cannot be started: {getattr(error, 'strerror', error)}\n".encode())
    finally:
        os._exit(127)


def _wait_for(child: int) -> int:
    """The program's wait status; orphans we adopted are reaped on the way."""
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == child:
            return status


def _kill_everything() -> None:
    """Until we have no child: those of a killed child become ours, and are next."""
    while True:
        for pid in _children():
            _send(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.002)


def _children() -> list[int]:
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208 - a short start matters more
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                parent = int(file.read().rpartition(b")")[2].split()[1])
        except OSError:
            continue
        if parent == os.getpid():
            found.append(int(name))
    return found


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _end_like(status: int) -> None:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        os._exit(128 + number)
    os._exit(os.WEXITSTATUS(status))


def _be_orphaned(number: int, frame: FrameType | None) -> None:
    raise _Orphaned


def _ignore(number: int, frame: FrameType | None) -> None:
    """A handler, because a program would inherit that a signal is ignored."""


if __name__ == "__main__":
    main(sys.argv[1:])
