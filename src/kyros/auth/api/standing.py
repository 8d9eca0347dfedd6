"""Answers that take long, streams and waits in line: they end soon after their caller's right to be there."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

from starlette.types import Message, Receive, Send

_LEAST_SECONDS = 0.05
_GONE: Message = {"type": "http.disconnect"}

Stands = Callable[[], Awaitable[bool]]
"""Whether the caller would still be let in as who they were."""


def while_standing(
    stands: Stands, every_seconds: float, receive: Receive, send: Send
) -> tuple[Receive, Send]:
    """`receive` and `send`, which ask `stands` when `every_seconds` have passed: before a message, and while
    the application listens whether its client is still there. Once it says no, the answer is at its end and
    the application sees a client that went away."""
    asked_at, over, is_asked = monotonic(), False, False

    async def sending(message: Message) -> None:
        nonlocal asked_at, over
        if over:
            return
        if _goes_on(message) and monotonic() - asked_at >= every_seconds:
            asked_at = monotonic()
            if not await stands():
                over = True
                await send(_end_of(message))
                return
        await send(message)

    async def receiving() -> Message:
        nonlocal is_asked
        if over:
            return _GONE
        if is_asked:
            return await listening()
        message = await receive()
        is_asked = not message.get("more_body", False)
        return message

    async def listening() -> Message:
        """All of the request is here: what comes now is mostly that its client goes."""
        nonlocal over
        coming = asyncio.ensure_future(receive())
        try:
            while not (await asyncio.wait({coming}, timeout=max(every_seconds, _LEAST_SECONDS)))[0]:
                if over or not await stands():
                    over = True
                    return _GONE
            return coming.result()
        finally:
            coming.cancel()

    return receiving, sending


def _goes_on(message: Message) -> bool:
    return message["type"] == "websocket.send" or bool(message.get("more_body"))


def _end_of(message: Message) -> Message:
    if message["type"] == "websocket.send":
        return {"type": "websocket.close", "code": 1008, "reason": "unauthenticated"}
    return {"type": "http.response.body", "body": b"", "more_body": False}
