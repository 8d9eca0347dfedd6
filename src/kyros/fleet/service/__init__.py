"""Agents at work: every prompt is a turn of a session of the pool."""

from kyros.fleet.service.executions import STOP_ALL, Counter, Executor
from kyros.fleet.service.fleet import Fleet
from kyros.fleet.service.judge import Judge
from kyros.fleet.service.pool import POOL_LEASE, Pool
from kyros.fleet.service.reconciler import Reconciler

__all__ = ["POOL_LEASE", "STOP_ALL", "Counter", "Executor", "Fleet", "Judge", "Pool", "Reconciler"]
