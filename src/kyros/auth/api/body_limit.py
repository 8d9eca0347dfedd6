"""The longest request body: refused by its declared length, or while it streams in."""

from collections.abc import Callable, Sequence

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kyros.auth.errors import BodyTooLarge

BODY_LIMIT_BYTES = 2 * 1024 * 1024


def check_declared_size(declared: Sequence[str], limit_bytes: int) -> None:
    """Raise BodyTooLarge for a Content-Length over the limit."""
    for text in declared:
        if text.isascii() and text.isdigit() and (len(text) > 18 or int(text) > limit_bytes):
            raise _too_large(limit_bytes)


def limited(app: ASGIApp, answer: Callable[[BodyTooLarge], Response], limit_bytes: int) -> ASGIApp:
    """`app`, stopped with `answer` once more than `limit_bytes` of body have come in, whatever it
    makes of that itself. A response already under way is left alone."""

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        size = 0
        started = False
        refusal: BodyTooLarge | None = None

        async def counted() -> Message:
            nonlocal size, refusal
            message = await receive()
            size += len(message.get("body", b"")) if message["type"] == "http.request" else 0
            if size > limit_bytes:
                refusal = _too_large(limit_bytes)
                raise refusal
            return message

        async def watched(message: Message) -> None:
            nonlocal started
            if refusal is None or started:
                started = True
                await send(message)

        try:
            await app(scope, counted, watched)
        except Exception:
            if refusal is None or started:  # otherwise it follows from the refusal, which is the answer
                raise
        if refusal is not None and not started:
            await answer(refusal)(scope, receive, send)

    return inner


def _too_large(limit_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(
        f"The request is larger than {limit_bytes:,} bytes: send less.", limit_bytes=limit_bytes
    )
