"""What tests of confined programs share, and a loud skip where bubblewrap does not work."""

import ctypes
import resource
import subprocess
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from kyros.infra.process import clean_env
from kyros.infra.sandbox import probe

_PR_CAPBSET_DROP, _CAP_SYS_RESOURCE = 24, 24

needs_bubblewrap = pytest.mark.skipif(
    probe().tools is None, reason=f"bubblewrap does not work here: {probe().reason}. {probe().advice}"
)

ESCAPING = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGHUP, signal.SIG_IGN)
if sys.argv[1:] == ["begin"]:
    for _ in range(2):
        if os.fork():
            os._exit(0) if _ else time.sleep(600)
        os.setsid()
    os.execve("/usr/bin/python3", ["/usr/bin/python3", __file__, "hidden"], {})
with open("pid.new", "w") as file:
    file.write(os.readlink("/proc/self"))
os.rename("pid.new", "pid")
while True:
    time.sleep(1)
"""
"""A daemon: deaf to TERM, twice in a session of its own, without an environment, its parent gone."""


def escaping(folder: Path) -> list[str]:
    """The command line of that daemon; it says its pid in the file `pid` of its folder."""
    (folder / "escaping.py").write_text(ESCAPING)
    return ["/usr/bin/python3", str(folder / "escaping.py"), "begin"]


def daemons_of(folder: Path) -> list[int]:
    """Pids, as seen from outside, of live processes that run what lies in the folder."""
    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()  # of what started them it is a part
            named = words[:1] == ["/usr/bin/python3"] and words[1:2] == [str(folder / "escaping.py")]
            if named and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def held_to(*limits: str) -> Callable[[], None]:
    """For a child before it starts: hard limits of its own (FSIZE=BYTES), which not even root may raise."""

    def hold() -> None:
        for name, number in (one.split("=") for one in limits):
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (int(number), int(number)))
        ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, _CAP_SYS_RESOURCE, 0, 0, 0)

    return hold


def run(argv: list[str], cwd: Path, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        argv, cwd=cwd, env=clean_env() | env, capture_output=True, text=True, timeout=60, check=False
    )
