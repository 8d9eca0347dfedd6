"""Answers that stream on for hours: they end soon after their caller may not come in any more."""

from collections.abc import Awaitable, Callable
from time import monotonic

from starlette.types import Message, Receive, Send

Stands = Callable[[], Awaitable[bool]]
"""Whether the caller would still be let in as who they were."""


def while_standing(
    stands: Stands, every_seconds: float, receive: Receive, send: Send
) -> tuple[Receive, Send]:
    """`receive` and `send`, which ask `stands` before a message when `every_seconds` have passed. Once it
    says no, the answer is at its end and the application sees a client that went away."""
    asked_at, over = monotonic(), False

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
        if over:
            return {"type": "http.disconnect"}
        return await receive()

    return receiving, sending


def _goes_on(message: Message) -> bool:
    return message["type"] == "websocket.send" or bool(message.get("more_body"))


def _end_of(message: Message) -> Message:
    if message["type"] == "websocket.send":
        return {"type": "websocket.close", "code": 1008, "reason": "unauthenticated"}
    return {"type": "http.response.body", "body": b"", "more_body": False}
