"""One prompt that somebody waits for, outside of any task. Pure.

queued ─► running ─► done | failed | timed_out | cancelled | lost
   └───────────────────────────────► cancelled                     nobody was free in time
"""

from dataclasses import dataclass
from enum import StrEnum

from kyros.kernel.states import StateTable


class ExecutionState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    LOST = "lost"


_S = ExecutionState
EXECUTION_MOVES: StateTable[ExecutionState] = StateTable(
    "execution",
    {
        _S.QUEUED: frozenset({_S.RUNNING, _S.FAILED, _S.CANCELLED, _S.LOST}),
        _S.RUNNING: frozenset({_S.DONE, _S.FAILED, _S.TIMED_OUT, _S.CANCELLED, _S.LOST}),
        _S.DONE: frozenset(),
        _S.FAILED: frozenset(),
        _S.TIMED_OUT: frozenset(),
        _S.CANCELLED: frozenset(),
        _S.LOST: frozenset(),
    },
)
OVER = frozenset(state for state in ExecutionState if EXECUTION_MOVES.is_final(state))
EXECUTION_LOST = "The worker ended in the middle of it; it was not run again."
OUTPUT_SIGNS = 200_000
"""Of an agent's words the last so many are kept."""


@dataclass(frozen=True)
class Execution:
    """`folder` None: an empty one of its own. `note` is one sentence on how it ended."""

    id: str
    profile: str
    prompt: str
    folder: str | None
    timeout_ms: int
    queue_ms: int
    asked_by: str
    asked_at: str
    state: ExecutionState = ExecutionState.QUEUED
    turn_id: str | None = None
    output: str = ""
    note: str = ""
    ended_at: str | None = None
    stop_asked: bool = False

    @property
    def is_over(self) -> bool:
        return self.state in OVER

    def facts(self) -> dict[str, object]:
        """What each of its events says. No project: it may concern any, so only those who see all see it."""
        return {"run_id": self.id, "profile": self.profile, "turn_id": self.turn_id}
