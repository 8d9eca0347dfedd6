"""The routes that add: a report from outside, and the human log."""

from collections.abc import Awaitable, Callable
from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Header, Request
from starlette.responses import Response

from kyros.events.api.bodies import EventRequest, HumanLog, HumanLogRequest, Reported
from kyros.events.model.reported import project_of, reported
from kyros.events.ports import Caller, EventLog
from kyros.events.service.human_log import HumanLogs
from kyros.kernel.answers import Answer, Once

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="Send it again with a retry: nothing is done twice.",
    ),
]


def add_reporting(
    router: APIRouter, log: EventLog, human_logs: HumanLogs, caller: Callable[..., Awaitable[Caller]]
) -> None:
    @router.post("", status_code=201, response_model=Reported)
    async def report_event(
        body: EventRequest, request: Request, who: Annotated[Caller, Depends(caller)], key: Key = None
    ) -> Response:
        """Append an event under the caller's name, marked as reported."""
        who.check_report(project_of(body.details))
        new = reported(body.event, who.name, body.target, body.details)
        if key is None:
            (number,) = await log.append(new)
            return _respond(_answer(number))
        return _respond(await log.append_once(new, await _once(request, who, key), _answer))

    @router.post("/human-log", response_model=HumanLog)
    async def write_human_log(body: HumanLogRequest, who: Annotated[Caller, Depends(caller)]) -> HumanLog:
        """What happened as Markdown, by task and agent; appended to the human log as well."""
        who.check_report(body.project_id)
        projects = _narrowed(who.readable(), body.project_id)
        if body.ids is not None:
            written = await human_logs.of(body.ids, projects)
        else:
            assert body.filter is not None, "a body has either"
            written = await human_logs.since(body.filter.after, body.filter.match(projects))
        return HumanLog(markdown=written.markdown, events=written.events, path=written.path)


def _narrowed(projects: frozenset[str] | None, project_id: str | None) -> frozenset[str] | None:
    if project_id is None:
        return projects
    return frozenset({project_id} if projects is None or project_id in projects else ())


async def _once(request: Request, who: Caller, key: str) -> Once:
    url, body = request.url, await request.body()
    return Once.of(who.name, key, request.method, url.path, url.query, body)


def _answer(number: int) -> Answer:
    return Answer(201, orjson.dumps({"ok": True, "id": number}).decode())


def _respond(answer: Answer) -> Response:
    return Response(answer.body, answer.status, dict(answer.headers), "application/json")
