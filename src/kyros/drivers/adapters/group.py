"""Ends a process group for sure: asked first, then killed, until nobody of it is alive."""

import asyncio
import os
import signal
import time
from contextlib import suppress

import psutil

GRACE_SECONDS = 2.0
_GIVE_UP_SECONDS = 10.0


async def stop_group(leader: int, grace_seconds: float = GRACE_SECONDS) -> None:
    """TERM, grace, KILL to the group that `leader` founded; idempotent, also when the leader is long gone.

    Raises TimeoutError if a member survives ten seconds of KILL.
    """
    started = time.monotonic()
    number = signal.SIGTERM
    sent: signal.Signals | None = None
    while await asyncio.to_thread(_is_alive, leader):
        waited = time.monotonic() - started
        if waited > grace_seconds + _GIVE_UP_SECONDS:
            raise TimeoutError(f"the process group {leader} survives SIGKILL")
        if waited >= grace_seconds:
            number = signal.SIGKILL
        if number is not sent or number is signal.SIGKILL:
            with suppress(ProcessLookupError):
                os.killpg(leader, number)
            sent = number
        await asyncio.sleep(0.02)


def _is_alive(leader: int) -> bool:
    """Whether anybody but zombies is in the group."""
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return False
    return any(_belongs(process, leader) for process in psutil.process_iter())


def _belongs(process: psutil.Process, leader: int) -> bool:
    try:
        return os.getpgid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE
    except (ProcessLookupError, psutil.NoSuchProcess):
        return False
