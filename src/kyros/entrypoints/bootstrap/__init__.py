"""Wires the rooms: the only place that names a concrete store or adapter."""

from kyros.entrypoints.bootstrap.furnishing import containment_of, operator_token
from kyros.entrypoints.bootstrap.house import House
from kyros.entrypoints.bootstrap.offline import (
    InstalledProfile,
    installed_profiles,
    profile_problems,
    state_keeping,
    verify_events,
)
from kyros.entrypoints.bootstrap.opening import open_server, open_worker
from kyros.entrypoints.bootstrap.work import delegations, warm_up, working

__all__ = [
    "House",
    "InstalledProfile",
    "containment_of",
    "delegations",
    "installed_profiles",
    "open_server",
    "open_worker",
    "operator_token",
    "profile_problems",
    "state_keeping",
    "verify_events",
    "warm_up",
    "working",
]
