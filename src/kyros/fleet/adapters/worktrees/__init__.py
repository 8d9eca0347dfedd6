"""Warm worktrees: slots on disk (slots.py), their git side (checkout.py), the port over both (pool.py)."""

from kyros.fleet.adapters.worktrees.pool import PooledWorktrees
from kyros.fleet.adapters.worktrees.slots import Bounds, project_of

__all__ = ["Bounds", "PooledWorktrees", "project_of"]
