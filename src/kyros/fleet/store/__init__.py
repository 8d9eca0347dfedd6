"""The fleet's rows."""

from kyros.fleet.store.turns import SqlTurns

__all__ = ["SqlTurns"]
