"""Who asks at the doors of the log: events lie below auth and know a caller only by what they may."""

from dataclasses import dataclass

from starlette.requests import HTTPConnection

from kyros.auth.api import caller
from kyros.auth.model import Principal, Right, require, require_somewhere


@dataclass(frozen=True)
class EventCaller:
    """kyros.events.ports.Caller for a principal."""

    principal: Principal

    @property
    def name(self) -> str:
        return self.principal.name

    def readable(self) -> frozenset[str] | None:
        require_somewhere(self.principal, Right.READ)
        return self.principal.visible_projects

    def check_report(self, project_id: str | None) -> None:
        require(self.principal, Right.REPORT, project_id)


async def event_caller(request: HTTPConnection) -> EventCaller:
    """A dependency. Asynchronous, for what is not would be asked in a thread."""
    return EventCaller(caller(request))
