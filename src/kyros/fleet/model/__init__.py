"""Values and decisions of agents at work: turns, the approval policy, what belongs in a commit."""

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
from kyros.fleet.model.budget import Cap, Spent, Subject
from kyros.fleet.model.policy import Place, Rules, Verdict, describe, is_unconditional, judge
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
    "LIMIT_EVIDENCE",
    "POLICY",
    "Answer",
    "Approval",
    "ApprovalQuery",
    "ApprovalState",
    "Cap",
    "Change",
    "CheckResult",
    "Line",
    "Place",
    "ProjectRules",
    "Rules",
    "Scope",
    "SecretFinding",
    "Sorted",
    "Spent",
    "Subject",
    "Turn",
    "TurnOrder",
    "Verdict",
    "answered",
    "decided_by_rule",
    "describe",
    "digest_of",
    "is_late",
    "is_unconditional",
    "judge",
    "put_to_a_person",
    "rule_for",
    "shown_of",
    "sort_changes",
]
