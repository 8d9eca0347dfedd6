"""The live log of a run as server-sent events."""

import base64
import json
from collections.abc import AsyncIterator

from sse_starlette import ServerSentEvent

from kyros.delegation.api.following import End, Following, Output, Size


async def follow_log(following: Following, run_id: str, offset: int) -> AsyncIterator[ServerSentEvent]:
    """Ids are offsets, so any reader resumes without gap."""
    async for piece in following.follow(run_id, offset):
        match piece:
            case Size(columns, rows):
                size = {"columns": columns, "rows": rows}
                yield ServerSentEvent(event="size", data=json.dumps(size))
            case Output(end, data):
                yield ServerSentEvent(event="output", id=str(end), data=base64.b64encode(data).decode())
            case End():
                yield ServerSentEvent(event="end", data="{}")
