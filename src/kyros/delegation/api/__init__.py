"""HTTP doors of delegation: delegations, runs, pull requests, projects."""

from kyros.delegation.api.attach import attach_router
from kyros.delegation.api.delegations import delegations_router
from kyros.delegation.api.following import Following
from kyros.delegation.api.present import Presenter
from kyros.delegation.api.projects import projects_router
from kyros.delegation.api.pulls import pulls_router
from kyros.delegation.api.run_approvals import run_approvals_router
from kyros.delegation.api.runs import runs_router

__all__ = [
    "Following",
    "Presenter",
    "attach_router",
    "delegations_router",
    "projects_router",
    "pulls_router",
    "run_approvals_router",
    "runs_router",
]
