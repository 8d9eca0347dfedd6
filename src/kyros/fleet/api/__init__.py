"""HTTP doors of the fleet: approvals and the rules for them, usage, budgets, the pool."""

from kyros.fleet.api.approvals import ApprovalDoor, approvals_router
from kyros.fleet.api.pool import pool_router
from kyros.fleet.api.rules import rules_router
from kyros.fleet.api.views import ApprovalView, ApproveRequest, DenyRequest, approval_view

__all__ = [
    "ApprovalDoor",
    "ApprovalView",
    "ApproveRequest",
    "DenyRequest",
    "approval_view",
    "approvals_router",
    "pool_router",
    "rules_router",
]
