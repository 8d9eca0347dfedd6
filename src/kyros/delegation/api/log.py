"""The live log of a run as server-sent events."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import aclosing

from sse_starlette import ServerSentEvent

from kyros.delegation.api.following import End, Following, Output, Piece, Size


async def follow_log(following: Following, run_id: str, offset: int) -> AsyncIterator[ServerSentEvent]:
    """Ids are offsets, so any reader resumes without gap."""
    async with aclosing(following.follow(run_id, offset)) as pieces:
        async for piece in pieces:
            yield _event_of(piece)


def _event_of(piece: Piece) -> ServerSentEvent:
    match piece:
        case Size(columns, rows):
            return ServerSentEvent(event="size", data=json.dumps({"columns": columns, "rows": rows}))
        case Output(end, data):
            return ServerSentEvent(event="output", id=str(end), data=base64.b64encode(data).decode())
        case End():
            return ServerSentEvent(event="end", data="{}")
