"""Events over the wire: queries and bodies refused when unknown or too large, and the shapes of answers."""

from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from kyros.events.model import EventFilter
from kyros.events.model.reported import NAME
from kyros.kernel.clock import to_text

_NUMBER = r"^[0-9]{1,18}$"
_LARGEST = 10**18 - 1

Name = Annotated[str, Field(min_length=1, max_length=200)]
Target = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


class EventView(BaseModel):
    """One numbered fact, `target` being the id it happened to. The data of every message of the tail."""

    id: int
    ts: str = Field(json_schema_extra={"format": "date-time"})
    event: str
    actor: str
    target: str
    details: dict[str, Any]


class EventPage(BaseModel):
    """Oldest first. `next_cursor` says where to go on; null when the page is the last for now."""

    items: list[EventView]
    next_cursor: str | None


class Reported(BaseModel):
    ok: bool
    id: int


class HumanLog(BaseModel):
    """`events` is how many the Markdown speaks of, `path` the file it was appended to."""

    markdown: str
    events: int
    path: str


class _Filters(BaseModel):
    model_config = ConfigDict(extra="forbid")

    since: AwareDatetime | None = Field(None, description="Only what happened at or after this time.")
    actor: Name | None = None
    target: Name | None = Field(
        None, description="The id it happened to, or of a run, task, pull or project it concerns."
    )
    event: Name | None = None
    task: Name | None = Field(None, description="A task it happened to or concerns.")

    def match(self, projects: frozenset[str] | None) -> EventFilter:
        since = None if self.since is None else to_text(self.since)
        return EventFilter(self.event, self.actor, self.target, self.task, since, projects)


class Wanted(_Filters):
    """The filters of both routes; those left out match everything."""

    limit: int = Field(100, ge=1, le=500)


class PageQuery(Wanted):
    cursor: str | None = Field(None, pattern=_NUMBER, description="`next_cursor` of the page before.")


class TailQuery(Wanted):
    after: str | None = Field(None, pattern=_NUMBER, description="Go on after this event; else from now on.")
    wait: float | None = Field(
        None, ge=0, le=50, description="Answer with a page, at the latest after so many seconds."
    )


class EventRequest(BaseModel):
    """`details.project_id` names the project it concerns; `details.reported` is set by Kyros."""

    model_config = ConfigDict(extra="forbid")

    event: Annotated[str, Field(pattern=NAME)]
    target: Target
    details: dict[str, Any] = Field(default_factory=dict)


class HumanLogFilterRequest(_Filters):
    """Those left out match everything; `after` is the number of an event."""

    after: int = Field(0, ge=0, le=_LARGEST)


class HumanLogRequest(BaseModel):
    """Either the numbers of events or a filter; `project_id` keeps it to one project."""

    model_config = ConfigDict(extra="forbid")

    ids: (
        Annotated[list[Annotated[int, Field(ge=1, le=_LARGEST)]], Field(min_length=1, max_length=500)] | None
    ) = None
    filter: HumanLogFilterRequest | None = None
    project_id: Target | None = None

    @model_validator(mode="after")
    def _either(self) -> "HumanLogRequest":
        if (self.ids is None) == (self.filter is None):
            raise ValueError("give either ids or a filter")
        return self
