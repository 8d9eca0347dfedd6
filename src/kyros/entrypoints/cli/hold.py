"""Holding a lease while a command runs: heartbeats beside it, its end when the lease is lost."""

import ctypes
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial

import psutil

from kyros.entrypoints.cli.failures import Refused, Unreachable, Usage

_GRACE_SECONDS = 5.0
_SERVER_ERROR = 500
_PR_SET_PDEATHSIG = 1


class Heartbeats:
    """Beats at about a third of the TTL in a thread of its own. `lost` says why the lease is no longer held;
    then `on_lost` has been called."""

    def __init__(self, beat: Callable[[], object], ttl_seconds: float, on_lost: Callable[[], object]) -> None:
        self.lost: str | None = None
        self._beat = beat
        self._ttl_seconds = ttl_seconds
        self._on_lost = on_lost
        self._kept_at = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat_on, name="heartbeats", daemon=True)

    def __enter__(self) -> "Heartbeats":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _beat_on(self) -> None:
        while not self._over.wait(self._pace_seconds()):
            begun = time.monotonic()
            try:
                self._beat()
                self._kept_at = begun
            except (Refused, Unreachable) as error:
                self.lost = self._why_lost(error)
            if self.lost is not None:
                self._on_lost()
                return

    def _pace_seconds(self) -> float:
        return self._ttl_seconds / 3 * random.uniform(0.7, 1.0)  # noqa: S311 - jitter, no secret

    def _why_lost(self, error: Refused | Unreachable) -> str | None:
        """A server that does not answer has not said no: until the time is over."""
        said_no = isinstance(error, Refused) and int(str(error.facts["status"])) < _SERVER_ERROR
        may_wait = time.monotonic() - self._kept_at + self._ttl_seconds / 3 < self._ttl_seconds
        return None if may_wait and not said_no else error.message


def run_held(
    command: Sequence[str],
    lock: Mapping[str, object],
    beat: Callable[[], object],
    grace_seconds: float = _GRACE_SECONDS,
) -> tuple[int, str | None]:
    """Run the command to its end, heartbeats beside it: its exit code, and why the lease was lost, if it was;
    then the command and all it started were stopped. Signals to end us end the command."""
    more = {"KYROS_LOCK_ID": str(lock["lock_id"]), "KYROS_FENCING_TOKEN": str(lock["fencing_token"])}
    try:
        process = subprocess.Popen(command, env=os.environ | more, preexec_fn=_end_with_us)
    except OSError as error:
        raise Usage(f"{command[0]} cannot be run: {error.strerror}.") from error
    ttl_seconds = float(str(lock["ttl_seconds"]))
    stop = partial(stop_tree, process, grace_seconds)
    with _Passed(process), Heartbeats(beat, ttl_seconds, stop) as heartbeats:
        code = process.wait()
    return (code if code >= 0 else 128 - code), heartbeats.lost


def _end_with_us() -> None:
    """In the command, before it begins: should its holder be killed outright, Linux kills the command too.
    What it started itself is not reached then."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def stop_tree(process: "subprocess.Popen[bytes]", grace_seconds: float) -> None:
    """The command and all below it: TERM, grace, KILL. Its status is left to whoever waits for it."""
    below = _below(process.pid)
    process.terminate()
    for one in below:
        _send(one, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(grace_seconds)
    _, alive = psutil.wait_procs(below, timeout=grace_seconds)
    alive += _below(process.pid)
    process.kill()
    for one in alive:
        _send(one, signal.SIGKILL)


class _Passed:
    """While open, TERM goes on to the command, and Ctrl-C is the command's alone: the terminal sends it
    to both, and whoever holds waits for how the command takes it."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def __enter__(self) -> None:
        self._interrupt = signal.signal(signal.SIGINT, lambda *_: None)
        self._terminate = signal.signal(signal.SIGTERM, lambda *_: self._process.terminate())

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._interrupt)
        signal.signal(signal.SIGTERM, self._terminate)


def _below(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _send(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
