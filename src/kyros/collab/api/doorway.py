"""What the room's doors share: the caller's key, and an answer as a response."""

from typing import Annotated

from fastapi import Depends, Header
from starlette.requests import Request
from starlette.responses import Response

from kyros.auth.api import Caller
from kyros.kernel.answers import Answer, Once

__all__ = ["Caller", "Key", "respond"]


async def _once(
    request: Request,
    principal: Caller,
    idempotency_key: Annotated[
        str | None,
        Header(
            min_length=1, max_length=200, description="Send it again with a retry: nothing is done twice."
        ),
    ] = None,
) -> Once | None:
    if idempotency_key is None:
        return None
    url, body = request.url, await request.body()
    return Once.of(principal.name, idempotency_key, request.method, url.path, url.query, body)


Key = Annotated[Once | None, Depends(_once)]
"""The request's Idempotency-Key, bound to its caller and content; None without one."""


def respond(answer: Answer) -> Response:
    return Response(answer.body, answer.status, dict(answer.headers), "application/json")
