"""Values and decisions of agents at work: turns, sessions, the approval policy, what belongs in a commit."""

from kyros.fleet.model.belonging import Sorted, sort_changes
from kyros.fleet.model.breaker import FAILURES, Breaker
from kyros.fleet.model.drift import Finding
from kyros.fleet.model.execution import EXECUTION_MOVES, OUTPUT_SIGNS, OVER, Execution, ExecutionState
from kyros.fleet.model.plain import plain
from kyros.fleet.model.policy import decide
from kyros.fleet.model.pool import PoolLimits, Wish
from kyros.fleet.model.session import IN_USE, SessionRow, Standing
from kyros.fleet.model.turn import CUT_OFF, Approval, Change, CheckResult, SecretFinding, Turn, TurnOrder

__all__ = [
    "CUT_OFF",
    "EXECUTION_MOVES",
    "FAILURES",
    "IN_USE",
    "OUTPUT_SIGNS",
    "OVER",
    "Approval",
    "Breaker",
    "Change",
    "CheckResult",
    "Execution",
    "ExecutionState",
    "Finding",
    "PoolLimits",
    "SecretFinding",
    "SessionRow",
    "Sorted",
    "Standing",
    "Turn",
    "TurnOrder",
    "Wish",
    "decide",
    "plain",
    "sort_changes",
]
