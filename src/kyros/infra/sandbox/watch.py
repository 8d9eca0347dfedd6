"""Looks once a second at what an owner's processes use together, and ends them when it is too much.

The kernel's limits are of single processes, and memory that is only reserved, as Node's, must not count. What
processes share is counted once (PSS), but only looked at when the plain sum is over: that costs more.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import psutil

from kyros.infra.process import end_all, find_marked
from kyros.infra.sandbox.confinement import Limits
from kyros.infra.telemetry import get_log

LOOK_SECONDS = 1.0
_GIB = 1024**3


@dataclass
class Watch:
    """`breach` says in a sentence which limit was passed; the processes were killed then."""

    breach: str | None = None


@asynccontextmanager
async def watching(installation: str, owner: str, limits: Limits) -> AsyncIterator[Watch]:
    """While open, the owner's processes are held to `limits` together."""
    watch = Watch()
    looking = asyncio.create_task(_look_on(watch, installation, owner, limits), name=f"watch {owner}")
    try:
        yield watch
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


async def _look_on(watch: Watch, installation: str, owner: str, limits: Limits) -> None:
    def find() -> list[psutil.Process]:
        return find_marked(installation, owner)

    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            watch.breach = watch.breach or await asyncio.to_thread(lambda: breach_of(find(), limits))
            if watch.breach:
                await end_all(find, grace_seconds=0)
        except Exception:  # one look that fails must not be the last
            get_log("kyros.sandbox").exception("limits could not be looked at", owner=owner)


def breach_of(processes: Sequence[psutil.Process], limits: Limits) -> str | None:
    """Which limit the processes pass together, as a sentence; None: none."""
    if limits.processes and len(processes) > limits.processes:
        return (
            f"It ran {len(processes)} processes at once and was stopped: {limits.processes} are allowed "
            "(KYROS_AGENT_PROCESSES)."
        )
    if limits.memory_bytes and _sum(processes, _resident) > limits.memory_bytes:
        used = _sum(processes, _own_share)
        if used > limits.memory_bytes:
            return (
                f"It used {used / _GIB:.1f} GiB of memory and was stopped: "
                f"{limits.memory_bytes / _GIB:.1f} GiB are allowed (KYROS_AGENT_MEMORY_BYTES)."
            )
    if limits.cpu_seconds and (spent := _sum(processes, _cpu_seconds)) > limits.cpu_seconds:
        return (
            f"It used {spent:.0f} s of processor time and was stopped: {limits.cpu_seconds} s are allowed "
            "(KYROS_AGENT_CPU_SECONDS)."
        )
    return None


def _sum(processes: Sequence[psutil.Process], of: Callable[[psutil.Process], float]) -> float:
    total = 0.0
    for process in processes:
        try:
            total += of(process)
        except (psutil.Error, OSError):
            continue
    return total


def _resident(process: psutil.Process) -> float:
    return float(process.memory_info().rss)


def _own_share(process: psutil.Process) -> float:
    return float(process.memory_full_info().pss)


def _cpu_seconds(process: psutil.Process) -> float:
    """With that of its children that have ended, so nothing is counted twice."""
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)
