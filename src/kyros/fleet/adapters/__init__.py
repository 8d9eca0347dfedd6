"""Agents' machine: worktrees, processes, recordings, the secret scan."""
