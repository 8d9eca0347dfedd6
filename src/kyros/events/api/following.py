"""Answers that last: the tail as server-sent events, and the page that waits for something to show."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from kyros.events.model import EventFilter
from kyros.events.model.line import opening_frame, reset_frame
from kyros.events.ports import EventLog, Follower
from kyros.infra.telemetry import get_log
from kyros.kernel.errors import KyrosError

_LONGEST_SECONDS = 900.0
"""Then the client comes again with its number, and its right to be there is looked at again."""

_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@dataclass(frozen=True)
class Start:
    """Where a reader begins; `reset` when that is not where it wanted to."""

    after: int
    reset: bool


class Streamed(StreamingResponse):
    """The tail, written as the shared log has it. It ends whole when the log hangs up, at once when the
    client is gone, and unfinished when the client takes nothing any more."""

    def __init__(self, log: EventLog, start: Start, match: EventFilter) -> None:
        super().__init__((), headers=_HEADERS, media_type="text/event-stream")
        self._log, self._start, self._match = log, start, match

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with (
            self._log.follow(self._start.after, self._match) as follower,
            _until_gone(receive, follower),
        ):
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await _send(send, self._opening())
            await self._send_all(follower, send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _opening(self) -> bytes:
        return (reset_frame if self._start.reset else opening_frame)(self._start.after)

    async def _send_all(self, follower: Follower, send: Send) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + _LONGEST_SECONDS
        try:
            while loop.time() < end and (messages := await follower.read()) is not None:
                await _send(send, messages)
        except KyrosError as error:
            get_log("kyros.events").warning("a tail ended early", code=error.code, error=error.message)


class Waited(Response):
    """What `answer` gives, asked again whenever something matching happens, until it gives something or
    the time is up; then what `in_vain` gives."""

    media_type = "application/json"

    def __init__(
        self,
        log: EventLog,
        after: int,
        match: EventFilter,
        wait_seconds: float,
        answer: Callable[[], Awaitable[bytes | None]],
        in_vain: bytes,
    ) -> None:
        super().__init__()
        self._log, self._after, self._match = log, after, match
        self._wait_seconds, self._answer, self._in_vain = wait_seconds, answer, in_vain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = await self._answer()
        if found is None and self._wait_seconds > 0:
            async with self._log.follow(self._after, self._match) as follower, _until_gone(receive, follower):
                found = await self._wait(follower)
        await Response(found or self._in_vain, media_type=self.media_type)(scope, receive, send)

    async def _wait(self, follower: Follower) -> bytes | None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._wait_seconds):
                while await follower.read() is not None:
                    if (found := await self._answer()) is not None:
                        return found
        return None


@asynccontextmanager
async def _until_gone(receive: Receive, follower: Follower) -> AsyncIterator[None]:
    """While open, a client that goes away closes the follower."""

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        follower.close()

    watching = asyncio.create_task(watch(), name="client of a tail")
    try:
        yield
    finally:
        watching.cancel()


async def _send(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})
