"""The fleet's rows."""

from kyros.fleet.store.drift import SqlDrift
from kyros.fleet.store.executions import TOPIC as EXECUTIONS_TOPIC
from kyros.fleet.store.executions import SqlExecutions
from kyros.fleet.store.sessions import SqlSessions
from kyros.fleet.store.turns import SqlTurns

__all__ = ["EXECUTIONS_TOPIC", "SqlDrift", "SqlExecutions", "SqlSessions", "SqlTurns"]
