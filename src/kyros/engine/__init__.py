"""Hands work to workers and carries live bytes. Knows no task: rooms register handlers by name."""
