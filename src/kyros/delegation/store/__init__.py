"""Runs, their steps and projects' check commands in the database."""

from kyros.delegation.store.runs import SqlRunStore

__all__ = ["SqlRunStore"]
