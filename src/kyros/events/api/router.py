"""Every route of the log, under /api/collab/events."""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter

from kyros.events.api.reading import add_reading
from kyros.events.api.reporting import add_reporting
from kyros.events.ports import Caller, EventLog
from kyros.events.service.history import History
from kyros.events.service.human_log import HumanLogs


def events_router(
    log: EventLog, history: History, human_logs: HumanLogs, caller: Callable[..., Awaitable[Caller]]
) -> APIRouter:
    """`caller` is a FastAPI dependency that says who asks and what they may."""
    router = APIRouter(prefix="/api/collab/events", tags=["events"])
    add_reading(router, log, history, caller)
    add_reporting(router, log, human_logs, caller)
    return router
