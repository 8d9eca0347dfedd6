"""Whether bubblewrap works on this machine, tried out, and what to do when it does not."""

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from kyros.infra.sandbox.confinement import Confinement, Tools, bubblewrap
from kyros.infra.sandbox.host import system

_SECONDS = 20
_PACKAGES = {"bwrap": "bubblewrap", "env": "coreutils", "prlimit": "util-linux"}
_NAMESPACES = (
    "Allow user namespaces: sysctl kernel.unprivileged_userns_clone=1 on older Debian, "
    "kernel.apparmor_restrict_unprivileged_userns=0 or an AppArmor profile for bwrap on Ubuntu."
)
_PROC = "Start Kyros' container with --security-opt systempaths=unconfined --security-opt seccomp=unconfined."
_BY_WORDS = (
    ("proc on", _PROC),
    ("namespace", _NAMESPACES),
    ("uid map", _NAMESPACES),
    ("--ignore-signal", "Install coreutils 8.31 or newer."),
)


@dataclass(frozen=True)
class Probe:
    """`tools` is None where it does not work; then `reason` and `advice` say why and what to do."""

    tools: Tools | None
    reason: str = ""
    advice: str = ""


@cache
def probe() -> Probe:
    """Start a small program in a sandbox as agents get it. Once in each process; blocks for 20 ms or so."""
    found = {name: shutil.which(name) for name in _PACKAGES}
    if missing := [name for name, path in found.items() if path is None]:
        packages = " ".join(_PACKAGES[name] for name in missing)
        return Probe(None, f"{', '.join(missing)} not found", f"apt-get install {packages}")
    tools = Tools(**{name: Path(path) for name, path in found.items() if path})
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder).resolve()
        smallest = Confinement(place, place, inner_user(), readable=system(), network=False)
        try:
            done = subprocess.run(
                [*bubblewrap(tools, smallest), "/usr/bin/env"], capture_output=True, text=True,
                timeout=_SECONDS, check=False, env={},
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            return Probe(None, str(error), "See docs/reference/sandbox.md.")
    if done.returncode == 0:
        return Probe(tools)
    said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    advice = next((advice for words, advice in _BY_WORDS if words in said), "See docs/reference/sandbox.md.")
    return Probe(None, said, advice)


def inner_user() -> tuple[int, int]:
    """Who a program is inside: as outside, but never root, which many programs refuse to be."""
    return os.getuid() or 1000, os.getgid() or 1000


def counts_threads_by_namespace() -> bool:
    """Linux 5.14 and newer: the limit on processes is that of the sandbox, not of the user."""
    numbers = os.uname().release.split("-")[0].split(".")[:2]
    try:
        return tuple(int(number) for number in numbers) >= (5, 14)
    except ValueError:
        return False
