"""Loaded by Python itself in every process of a Kyros under test: dies by SIGKILL at one exact moment.

KYROS_KILL_AT is `before:STEP` (its work is done, its record is not) or `after:STEP` (recorded). The whole
house goes at once: supervisor, server and worker. It happens once per home.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import psutil


def _kill_the_house() -> None:
    supervisor = psutil.Process(os.getppid())
    others = [one for one in supervisor.children() if one.pid != os.getpid()]
    for process in [supervisor, *others]:
        process.kill()
    os.kill(os.getpid(), signal.SIGKILL)


def _arm(moment: str, step: str) -> None:
    from kyros.delegation.store import SqlRunStore

    fuse = Path(os.environ["KYROS_HOME"]) / "fuse"
    recorded = SqlRunStore.advance

    async def advance(self: Any, run_id: str, done: Any, *rest: Any) -> Any:
        armed = done is not None and done.value == step and not fuse.exists()
        if armed:
            fuse.write_text(step)
        if armed and moment == "before":
            _kill_the_house()
        run = await recorded(self, run_id, done, *rest)
        if armed:
            _kill_the_house()
        return run

    SqlRunStore.advance = advance  # type: ignore[method-assign]


if "KYROS_KILL_AT" in os.environ and any("kyros.entrypoints" in word for word in sys.orig_argv):
    _arm(*os.environ["KYROS_KILL_AT"].split(":"))
