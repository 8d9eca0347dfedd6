"""Ends a process group for sure, with all that descends from it: asked first, then killed."""

import os

import psutil

from kyros.infra.process import GRACE_SECONDS, end_all, with_descendants


async def stop_group(leader: int, grace_seconds: float = GRACE_SECONDS) -> None:
    """TERM, grace, KILL to the group that `leader` founded and to what its members started; idempotent, also
    when the leader is long gone.

    Raises TimeoutError if a member survives.
    """
    await end_all(lambda: _members(leader), grace_seconds)


def _members(leader: int) -> list[psutil.Process]:
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return []
    return with_descendants([process for process in psutil.process_iter() if _belongs(process, leader)])


def _belongs(process: psutil.Process, leader: int) -> bool:
    try:
        return os.getpgid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE
    except (ProcessLookupError, psutil.NoSuchProcess):
        return False
