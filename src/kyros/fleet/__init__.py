"""Agents at work: sessions, worktrees, turns, and what they may do, use and cost."""
