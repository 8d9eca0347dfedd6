"""Warm worktrees: slots on disk (slots.py), their git side (checkout.py), the port over both (pool.py)."""

from kyros.fleet.adapters.worktrees.pool import PooledWorktrees
from kyros.fleet.adapters.worktrees.slots import project_of

__all__ = ["PooledWorktrees", "project_of"]
