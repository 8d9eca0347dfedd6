"""Sessions of the pool as their rows tell of them. Pure.

starting ─► ready ─► busy ◄─► blocked       blocked: waits for somebody's decision
    │         │        │          │
    ├────────►┼────────┴──────────┴─► ended
    └─► busy ─┘                             taken while it still starts
"""

from dataclasses import dataclass
from enum import StrEnum

from kyros.drivers.model import Tier


class Standing(StrEnum):
    """Where a session is in its one life."""

    STARTING = "starting"
    READY = "ready"
    BUSY = "busy"
    BLOCKED = "blocked"
    ENDED = "ended"


IN_USE = frozenset({Standing.BUSY, Standing.BLOCKED})


@dataclass(frozen=True)
class SessionRow:
    """One live program, or what became of it. `worker` holds its lease, `current_task` is the run or the
    execution it serves, `used_at` since when it has been waiting or at work, `restarts` how often a program
    of its seat had to be started anew, `why` how it ended."""

    id: str
    profile: str
    tier: Tier
    project_id: str | None
    worker: str
    host: str
    standing: Standing
    folder: str
    current_task: str | None
    started_at: str
    used_at: str
    ready_at: str | None = None
    restarts: int = 0
    ended_at: str | None = None
    why: str = ""
    stop_asked: bool = False

    def facts(self) -> dict[str, object]:
        """What each of its events says."""
        return {
            "session_id": self.id,
            "profile": self.profile,
            "project_id": self.project_id,
            "run_id": self.current_task,
        }
