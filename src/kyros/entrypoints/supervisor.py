"""`kyros up`: keeps one server and one worker alive on one home, and ends with neither left over."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from types import FrameType

from kyros.infra.files import HomeLock
from kyros.kernel.errors import Busy, KyrosError

_STOP_SECONDS = {"worker": 9.0, "server": 6.0}
_QUICK_DEATH_SECONDS = 5.0
_QUICK_DEATHS = 5


class PortTaken(Busy):
    code = "port_taken"


class ChildKeepsDying(KyrosError):
    code = "child_keeps_dying"


def bind(host: str, port: int) -> socket.socket:
    """The server's listening socket, bound before anything is started. Raises PortTaken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(512)
    except OSError as error:
        listener.close()
        raise PortTaken(
            f"Cannot listen on {host}:{port} ({error.strerror}): stop what uses it, "
            "or choose another with --port (0 takes a free one)."
        ) from error
    return listener


@dataclass
class _Child:
    role: str
    arguments: Sequence[str]
    fds: Sequence[int]
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0
    quick_deaths: int = 0
    restart_at: float = field(default=0.0)


class Supervisor:
    """Children hold a lifeline: should this process die by kill -9, they end by themselves."""

    def __init__(
        self, listener: socket.socket, lock: HomeLock, environment: dict[str, str], home: Path
    ) -> None:
        self._read_end, self._write_end = os.pipe()
        shared = (self._read_end, lock.descriptor)
        lifeline = ["--lifeline", str(self._read_end)]
        self._children = [
            _Child("server", [*lifeline, "--fd", str(listener.fileno())], (*shared, listener.fileno())),
            _Child("worker", lifeline, shared),
        ]
        self._environment = environment
        self._home = home
        self._address: tuple[str, int] = listener.getsockname()[:2]
        self._stopping = False

    def run(self, ready: Callable[[], None]) -> None:
        """Until SIGTERM or SIGINT; `ready` is called once, when the server answers.
        Raises ChildKeepsDying when a child cannot be kept alive."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        try:
            for child in self._children:
                self._start(child)
            threading.Thread(target=self._announce, args=(ready,), daemon=True).start()
            while not self._stopping:
                for child in self._children:
                    self._look_after(child)
                time.sleep(0.1)
        finally:
            self._stop()

    def _announce(self, ready: Callable[[], None]) -> None:
        """The socket takes connections before anybody serves them: wait for an answer, not a connection."""
        host, port = self._address
        while not self._stopping:
            connection = HTTPConnection(host, port, timeout=30)
            try:
                connection.request("GET", "/healthz")
                connection.getresponse().read()
                ready()
                return
            except OSError:
                time.sleep(0.1)
            finally:
                connection.close()

    def _start(self, child: _Child) -> None:
        child.process = subprocess.Popen(
            [sys.executable, "-m", f"kyros.entrypoints.{child.role}", *child.arguments],
            env=self._environment,
            pass_fds=child.fds,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in the terminal reaches the supervisor alone
        )
        child.started = time.monotonic()

    def _look_after(self, child: _Child) -> None:
        if child.process is None:
            if time.monotonic() >= child.restart_at:
                self._start(child)
            return
        if child.process.poll() is None:
            return
        quick = time.monotonic() - child.started < _QUICK_DEATH_SECONDS
        child.quick_deaths = child.quick_deaths + 1 if quick else 0
        if child.quick_deaths >= _QUICK_DEATHS:
            raise ChildKeepsDying(
                f"The {child.role} keeps dying (exit code {child.process.returncode}): "
                f"{self._home / 'logs' / child.role}.log says why."
            )
        child.process = None
        child.restart_at = time.monotonic() + (0.25 * 2**child.quick_deaths if quick else 0)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True

    def _stop(self) -> None:
        """The worker first: the server copies to the event file what it says at its end."""
        for child in reversed(self._children):
            process = child.process
            if process is None or process.poll() is not None:
                continue
            process.terminate()
            try:
                process.wait(_STOP_SECONDS[child.role])
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
