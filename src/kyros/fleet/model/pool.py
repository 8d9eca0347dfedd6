"""What the pool is asked for, and how far it goes. Pure."""

from dataclasses import dataclass
from pathlib import Path

RETRY_SECONDS = 5
"""When whoever the pool had no session for may come again."""


@dataclass(frozen=True)
class PoolLimits:
    """`size` sessions are kept ready for each profile and place used within `idle_seconds`; `most` live at a
    time, in use and ready together; `queue` may wait."""

    size: int
    most: int
    queue: int
    idle_seconds: float
    start_seconds: float
    lease_ttl_seconds: float


@dataclass(frozen=True)
class Wish:
    """`folder` None: an empty folder. `project_id` says whose worktree `folder` is."""

    agent: str
    task_id: str
    folder: Path | None = None
    project_id: str | None = None
