"""The fleet's rows."""

from kyros.fleet.store.approvals import TOPIC, SqlApprovals
from kyros.fleet.store.turns import SqlTurns

__all__ = ["TOPIC", "SqlApprovals", "SqlTurns"]
