"""The fleet's rows."""

from kyros.fleet.store.approvals import TOPIC, SqlApprovals
from kyros.fleet.store.budgets import SqlBudgets
from kyros.fleet.store.drift import SqlDrift
from kyros.fleet.store.executions import TOPIC as EXECUTIONS_TOPIC
from kyros.fleet.store.executions import SqlExecutions
from kyros.fleet.store.pauses import SqlPauses
from kyros.fleet.store.sessions import SqlSessions
from kyros.fleet.store.turns import SqlTurns
from kyros.fleet.store.usage import SqlLedger

__all__ = [
    "EXECUTIONS_TOPIC",
    "TOPIC",
    "SqlApprovals",
    "SqlBudgets",
    "SqlDrift",
    "SqlExecutions",
    "SqlLedger",
    "SqlPauses",
    "SqlSessions",
    "SqlTurns",
]
