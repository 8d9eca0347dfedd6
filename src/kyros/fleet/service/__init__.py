"""Agents at work: every prompt is a turn of a session of the pool."""

from kyros.fleet.service.answers import Answers
from kyros.fleet.service.attending import Attending
from kyros.fleet.service.desk import Blocked
from kyros.fleet.service.executions import STOP_ALL, Counter, Executor
from kyros.fleet.service.fleet import Fleet
from kyros.fleet.service.judge import Judge
from kyros.fleet.service.keyboards import Keyboards
from kyros.fleet.service.limits import Limits
from kyros.fleet.service.meter import Meter, standing
from kyros.fleet.service.pool import POOL_LEASE, Pool
from kyros.fleet.service.reconciler import Reconciler, resource_of, unless_held
from kyros.fleet.service.retention import Retention

__all__ = [
    "POOL_LEASE",
    "STOP_ALL",
    "Answers",
    "Attending",
    "Blocked",
    "Counter",
    "Executor",
    "Fleet",
    "Judge",
    "Keyboards",
    "Limits",
    "Meter",
    "Pool",
    "Reconciler",
    "Retention",
    "resource_of",
    "standing",
    "unless_held",
]
