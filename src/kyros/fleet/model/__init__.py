"""Values and decisions of agents at work: turns, the approval policy, what belongs in a commit."""

from kyros.fleet.model.belonging import Sorted, sort_changes
from kyros.fleet.model.budget import Cap, Scope, Spent, Subject
from kyros.fleet.model.policy import decide
from kyros.fleet.model.transcript import Line
from kyros.fleet.model.turn import (
    BUDGET_EVIDENCE,
    CUT_OFF,
    LIMIT_EVIDENCE,
    Approval,
    Change,
    CheckResult,
    SecretFinding,
    Turn,
    TurnOrder,
)

__all__ = [
    "BUDGET_EVIDENCE",
    "CUT_OFF",
    "LIMIT_EVIDENCE",
    "Approval",
    "Cap",
    "Change",
    "CheckResult",
    "Line",
    "Scope",
    "SecretFinding",
    "Sorted",
    "Spent",
    "Subject",
    "Turn",
    "TurnOrder",
    "decide",
    "sort_changes",
]
