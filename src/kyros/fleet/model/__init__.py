"""Values and decisions of agents at work: turns, the approval policy, what belongs in a commit."""

from kyros.fleet.model.belonging import Sorted, sort_changes
from kyros.fleet.model.policy import decide
from kyros.fleet.model.transcript import Line
from kyros.fleet.model.turn import CUT_OFF, Approval, Change, CheckResult, SecretFinding, Turn, TurnOrder

__all__ = [
    "CUT_OFF",
    "Approval",
    "Change",
    "CheckResult",
    "Line",
    "SecretFinding",
    "Sorted",
    "Turn",
    "TurnOrder",
    "decide",
    "sort_changes",
]
