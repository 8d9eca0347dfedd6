"""The fleet's rows."""

from kyros.fleet.store.approvals import TOPIC, SqlApprovals
from kyros.fleet.store.budgets import SqlBudgets
from kyros.fleet.store.pauses import SqlPauses
from kyros.fleet.store.turns import SqlTurns
from kyros.fleet.store.usage import SqlLedger

__all__ = ["TOPIC", "SqlApprovals", "SqlBudgets", "SqlLedger", "SqlPauses", "SqlTurns"]
