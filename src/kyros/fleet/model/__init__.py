"""Values and decisions of agents at work: turns, sessions, the approval policy, what belongs in a commit."""

from kyros.fleet.model.approval import (
    POLICY,
    Answer,
    Approval,
    ApprovalQuery,
    ApprovalState,
    ProjectRules,
    Scope,
    answered,
    decided_by_rule,
    digest_of,
    is_late,
    put_to_a_person,
    rule_for,
    shown_of,
)
from kyros.fleet.model.belonging import Sorted, sort_changes
from kyros.fleet.model.breaker import FAILURES, Breaker
from kyros.fleet.model.budget import Cap, Spent, Subject
from kyros.fleet.model.drift import Finding
from kyros.fleet.model.execution import (
    EXECUTION_LOST,
    EXECUTION_MOVES,
    OUTPUT_SIGNS,
    OVER,
    Execution,
    ExecutionState,
)
from kyros.fleet.model.never import Place
from kyros.fleet.model.plain import plain
from kyros.fleet.model.policy import Rules, Verdict, describe, is_unconditional, judge
from kyros.fleet.model.pool import PoolLimits, Wish
from kyros.fleet.model.session import IN_USE, SessionRow, Standing
from kyros.fleet.model.transcript import Line
from kyros.fleet.model.turn import (
    BUDGET_EVIDENCE,
    CUT_OFF,
    LIMIT_EVIDENCE,
    Change,
    CheckResult,
    SecretFinding,
    Turn,
    TurnOrder,
)

__all__ = [
    "BUDGET_EVIDENCE",
    "CUT_OFF",
    "EXECUTION_LOST",
    "EXECUTION_MOVES",
    "FAILURES",
    "IN_USE",
    "LIMIT_EVIDENCE",
    "OUTPUT_SIGNS",
    "OVER",
    "POLICY",
    "Answer",
    "Approval",
    "ApprovalQuery",
    "ApprovalState",
    "Breaker",
    "Cap",
    "Change",
    "CheckResult",
    "Execution",
    "ExecutionState",
    "Finding",
    "Line",
    "Place",
    "PoolLimits",
    "ProjectRules",
    "Rules",
    "Scope",
    "SecretFinding",
    "SessionRow",
    "Sorted",
    "Spent",
    "Standing",
    "Subject",
    "Turn",
    "TurnOrder",
    "Verdict",
    "Wish",
    "answered",
    "decided_by_rule",
    "describe",
    "digest_of",
    "is_late",
    "is_unconditional",
    "judge",
    "plain",
    "put_to_a_person",
    "rule_for",
    "shown_of",
    "sort_changes",
]
