"""Agents at work: worktrees, turns, and approvals by policy."""
