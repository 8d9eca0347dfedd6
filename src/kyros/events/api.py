"""The door to the log: pages of events and their live tail, under /api/collab/events."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Header, Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import AppStatus

from kyros.events.model import Event, EventFilter
from kyros.events.ports import EventLog
from kyros.kernel.clock import to_text

_RETRY_MS = 2_000
_HEARTBEAT_SECONDS = 15
_UNREAD_SECONDS = 30.0
_LOOK_SECONDS = 0.25
_GRACE_SECONDS = 0.3
_AHEAD = 16
_LINE = "\n"
_NUMBER = r"^[0-9]{1,18}$"

Name = Annotated[str, Field(min_length=1, max_length=200)]


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


class Wanted(BaseModel):
    """The filters of both routes; those left out match everything."""

    model_config = ConfigDict(extra="forbid")

    since: AwareDatetime | None = Field(None, description="Only what happened at or after this time.")
    actor: Name | None = None
    target: Name | None = Field(
        None, description="The id it happened to, or of a run, task or pull it concerns."
    )
    event: Name | None = None
    task: Name | None = Field(None, description="A task it happened to or concerns.")
    limit: int = Field(100, ge=1, le=500)

    def match(self) -> EventFilter:
        since = None if self.since is None else to_text(self.since)
        return EventFilter(self.event, self.actor, self.target, self.task, since)


class PageQuery(Wanted):
    cursor: str | None = Field(None, pattern=_NUMBER, description="`next_cursor` of the page before.")


class TailQuery(Wanted):
    after: str | None = Field(None, pattern=_NUMBER, description="Go on after this event; else from now on.")
    wait: float | None = Field(
        None, ge=0, le=50, description="Answer with a page, at the latest after so many seconds."
    )


def events_router(log: EventLog) -> APIRouter:
    """Both routes over this log."""
    router = APIRouter(prefix="/api/collab/events", tags=["events"])

    @router.get("")
    async def list_events(query: Annotated[PageQuery, Query()]) -> EventPage:
        """A page of events, oldest first."""
        return await _page(log, int(query.cursor or 0), query)

    @router.get(
        "/tail",
        response_model=EventPage,
        responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
    )
    async def tail_events(
        query: Annotated[TailQuery, Query()],
        last_event_id: Annotated[str | None, Header(max_length=200)] = None,
    ) -> Response | EventPage:
        """Events as they happen: server-sent events, or with `wait` a page as soon as there is one.

        Each message's id is the event's number; send it back as `Last-Event-ID` (or `after`) to go on
        without gap or repeat. A number the log does not know yields a message `reset`: read the state
        afresh, the tail goes on from now.
        """
        start = await _start(log, last_event_id if last_event_id is not None else query.after, query)
        if query.wait is not None:
            return await _wait(log, start, query)
        return _streamed(log, start, query.match())

    return router


_Outbox = asyncio.Queue[ServerSentEvent | None]


@dataclass(frozen=True)
class _Start:
    after: int
    reset: bool


async def _start(log: EventLog, said: str | None, query: Wanted) -> _Start:
    last = await log.last_id()
    if said is None:
        return _Start(after=last if query.since is None else 0, reset=False)
    known = said.isascii() and said.isdigit() and int(said) <= last
    return _Start(after=int(said) if known else last, reset=not known)


async def _page(log: EventLog, after: int, query: Wanted) -> EventPage:
    found = await log.page(after, query.limit + 1, query.match())
    items = [_view(event) for event in found[: query.limit]]
    return EventPage(items=items, next_cursor=str(items[-1].id) if len(found) > len(items) else None)


async def _wait(log: EventLog, start: _Start, query: TailQuery) -> EventPage:
    """The page after `start`, once it is not empty or the time is up. Always says where to go on."""
    page = await _page(log, start.after, query)
    if not page.items and await _something(log, start.after, query):
        page = await _page(log, start.after, query)
    page.next_cursor = str(page.items[-1].id if page.items else start.after)
    return page


async def _something(log: EventLog, after: int, query: TailQuery) -> bool:
    """Wait for a matching event. False when time is up or the server stops."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + (query.wait or 0.0)
    async with aclosing(log.tail(after, query.match())) as tail:
        first = asyncio.ensure_future(anext(tail))
        while not first.done() and not AppStatus.should_exit and (left := deadline - loop.time()) > 0:
            await asyncio.wait({first}, timeout=min(_LOOK_SECONDS, left))
        if first.done():
            return True
        first.cancel()
        await asyncio.wait({first})
        return False


def _streamed(log: EventLog, start: _Start, match: EventFilter) -> EventSourceResponse:
    """The tail as a response that ends whole when its server stops."""
    stopping = anyio.Event()
    outbox: _Outbox = asyncio.Queue(_AHEAD)

    async def send() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(_cancel_on, stopping, group.cancel_scope)
            await _send_all(log, start, match, outbox)
        await outbox.put(None)

    return EventSourceResponse(
        _until_none(outbox),
        sep=_LINE,
        data_sender_callable=send,
        ping=_HEARTBEAT_SECONDS,
        ping_message_factory=lambda: ServerSentEvent(comment="still here", sep=_LINE),
        send_timeout=_UNREAD_SECONDS,
        shutdown_event=stopping,
        shutdown_grace_period=_GRACE_SECONDS,
    )


async def _until_none(outbox: _Outbox) -> AsyncIterator[ServerSentEvent]:
    while (message := await outbox.get()) is not None:
        yield message


async def _cancel_on(event: anyio.Event, scope: anyio.CancelScope) -> None:
    await event.wait()
    scope.cancel()


async def _send_all(log: EventLog, start: _Start, match: EventFilter, outbox: _Outbox) -> None:
    # The first message carries an id, so that a client cut off before any event resumes without a gap.
    at = str(start.after)
    await outbox.put(ServerSentEvent(id=at, retry=_RETRY_MS, sep=_LINE))
    if start.reset:
        await outbox.put(ServerSentEvent(event="reset", id=at, data=f'{{"last_id":{at}}}', sep=_LINE))
    async with aclosing(log.tail(start.after, match)) as tail:
        async for event in tail:
            await outbox.put(
                ServerSentEvent(id=str(event.id), data=_view(event).model_dump_json(), sep=_LINE)
            )


def _view(event: Event) -> EventView:
    return EventView(
        id=event.id,
        ts=event.ts,
        event=event.event,
        actor=event.actor,
        target=event.target,
        details=dict(event.details),
    )
