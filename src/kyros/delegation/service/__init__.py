"""Use cases: hand over (front), walk a run (walk) by its steps (opening, work), merge (pulls)."""

from kyros.delegation.service.front import Delegations, HandedOver
from kyros.delegation.service.notice import Notice
from kyros.delegation.service.opening import OpeningSteps
from kyros.delegation.service.pulls import Pulls
from kyros.delegation.service.strays import Strays
from kyros.delegation.service.walk import Pace, Walker
from kyros.delegation.service.work import WorkSteps

__all__ = [
    "Delegations",
    "HandedOver",
    "Notice",
    "OpeningSteps",
    "Pace",
    "Pulls",
    "Strays",
    "Walker",
    "WorkSteps",
]
