"""The routes that look: a page of events, and their tail."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Header, Query
from starlette.responses import Response

from kyros.events.api.bodies import EventPage, PageQuery, TailQuery
from kyros.events.api.following import Start, Streamed, Waited
from kyros.events.ports import Caller, EventLog
from kyros.events.service.history import History, Page
from kyros.kernel.clock import to_text

_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}
}


def add_reading(
    router: APIRouter, log: EventLog, history: History, caller: Callable[..., Awaitable[Caller]]
) -> None:
    @router.get("", response_model=EventPage)
    async def list_events(
        query: Annotated[PageQuery, Query()], who: Annotated[Caller, Depends(caller)]
    ) -> Response:
        """A page of events, oldest first."""
        page = await history.page(int(query.cursor or 0), query.limit, query.match(who.readable()))
        return Response(_rendered(page, page.next_after), media_type="application/json")

    @router.get("/tail", response_model=EventPage, responses=_STREAM)
    async def tail_events(
        query: Annotated[TailQuery, Query()],
        who: Annotated[Caller, Depends(caller)],
        last_event_id: Annotated[str | None, Header(max_length=200)] = None,
    ) -> Response:
        """Events as they happen: server-sent events, or with `wait` a page as soon as there is one.

        Each message's id is the event's number; send it back as `Last-Event-ID` (or `after`) to go on
        without gap or repeat. A number the log does not know, or from before what it still holds, yields a
        message `reset`: read the state afresh, the tail goes on from now.
        """
        match = query.match(who.readable())
        start = await _start(log, history, last_event_id if last_event_id is not None else query.after, query)
        if query.wait is None:
            return Streamed(log, start, match)

        async def answer() -> bytes | None:
            page = await history.page(start.after, query.limit, match)
            reached = page.next_after or (page.events[-1].id if page.events else None)
            return None if reached is None else _rendered(page, reached)

        return Waited(log, start.after, match, query.wait, answer, _rendered(Page((), None), start.after))


async def _start(log: EventLog, history: History, said: str | None, query: TailQuery) -> Start:
    first, last = await log.first_id(), await log.last_id()
    if said is None and query.since is None:
        return Start(last, reset=False)
    if said is None and query.since is not None:
        too_old = await history.begins_after(to_text(query.since))
        return Start(last if too_old else first - 1, reset=too_old)
    known = said is not None and said.isascii() and said.isdigit() and len(said) < 20
    after = int(said) if known and said is not None else -1
    # A page can be read from the file, however old; a stream goes on from what the log holds.
    oldest = first - 1 if query.wait is None else 0
    return Start(after, reset=False) if oldest <= after <= last else Start(last, reset=True)


def _rendered(page: Page, next_after: int | None) -> bytes:
    items = [event.document() for event in page.events]
    return orjson.dumps({"items": items, "next_cursor": None if next_after is None else str(next_after)})
