"""Answers that take long, streams and waits in line: they end soon after their caller's right to be there."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic

from starlette.types import Message, Receive, Send

_LEAST_SECONDS = 0.05
_GONE: Mapping[str, Message] = {
    "http": {"type": "http.disconnect"},
    "websocket": {"type": "websocket.disconnect", "code": 1008, "reason": "unauthenticated"},
}
_CLOSE: Message = {"type": "websocket.close", "code": 1008, "reason": "unauthenticated"}

Stands = Callable[[], Awaitable[bool]]
"""Whether the caller would still be let in as who they were."""


class Standing:
    """`receive` and `send` for an application, which ask `stands` when `every_seconds` have passed: before a
    message either way, and while the application listens and nothing comes. Once it says no, the answer
    is at its end and the application sees a client that went away."""

    def __init__(self, kind: str, stands: Stands, every_seconds: float, receive: Receive, send: Send) -> None:
        """`kind` is the scope's type: http or websocket."""
        self._kind = kind
        self._stands = stands
        self._every_seconds = every_seconds
        self._receive = receive
        self._send = send
        self._asked_at = monotonic()
        self._is_over = False
        self._is_all_here = False
        self._is_begun = False

    @property
    def is_unanswered(self) -> bool:
        """Whether it is over before the application said anything: somebody else has to."""
        return self._kind == "http" and self._is_over and not self._is_begun

    async def receive(self) -> Message:
        if self._is_over:
            return _GONE[self._kind]
        if self._is_all_here:
            return await self._listen()
        message = await self._receive()
        self._is_all_here = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if self._is_over:
            return
        self._is_begun = True
        if _goes_on(message) and not await self._still_stands():
            self._is_over = True
            await self._send(_end_of(message))
            return
        await self._send(message)

    async def _listen(self) -> Message:
        """All of the request is here: what comes now is mostly that its client goes."""
        coming = asyncio.ensure_future(self._receive())
        try:
            while not coming.done():
                left = self._every_seconds - (monotonic() - self._asked_at)
                await asyncio.wait({coming}, timeout=max(left, _LEAST_SECONDS))
                if coming.done() and coming.result()["type"] == _GONE[self._kind]["type"]:
                    break
                if self._is_over or not await self._still_stands():
                    return await self._leave()
            return coming.result()
        finally:
            coming.cancel()

    async def _still_stands(self) -> bool:
        """Asked when it is time to; in between nothing has changed."""
        if monotonic() - self._asked_at < self._every_seconds:
            return True
        self._asked_at = monotonic()
        return await self._stands()

    async def _leave(self) -> Message:
        """A socket has to be closed; of an answer that has begun nothing more comes."""
        if self._kind == "websocket" and not self._is_over:
            await self._send(_CLOSE)
        self._is_over = True
        return _GONE[self._kind]


def _goes_on(message: Message) -> bool:
    return message["type"] == "websocket.send" or bool(message.get("more_body"))


def _end_of(message: Message) -> Message:
    if message["type"] == "websocket.send":
        return _CLOSE
    return {"type": "http.response.body", "body": b"", "more_body": False}
