"""Agents' machine: worktrees, folders of executions, processes and what confines them, recordings,
transcripts, the secret scan."""
