"""What a socket sees of its caller's right ending: closed at once, though nobody says a word over it."""

import asyncio
from collections.abc import Iterable

import pytest
from starlette.types import Message

from kyros.auth.api.standing import Standing

CLOSED = {"type": "websocket.close", "code": 1008, "reason": "unauthenticated"}


class Wire:
    """The server's side of one socket, and whether its caller may stay."""

    def __init__(self, *messages: Message) -> None:
        self.may_stay = True
        self.sent: list[Message] = []
        self._coming: asyncio.Queue[Message] = asyncio.Queue()
        for message in messages:
            self._coming.put_nowait(message)

    def standing(self) -> Standing:
        return Standing("websocket", self._stands, 0, self._coming.get, self._send)

    async def _stands(self) -> bool:
        return self.may_stay

    async def _send(self, message: Message) -> None:
        self.sent.append(message)


def types(messages: Iterable[Message]) -> list[str]:
    return [message["type"] for message in messages]


async def test_a_silent_socket_is_closed_and_its_application_told() -> None:
    wire = Wire({"type": "websocket.connect"})
    standing = wire.standing()
    await standing.receive()
    await standing.send({"type": "websocket.accept"})
    waiting = asyncio.create_task(standing.receive())
    await asyncio.sleep(0.15)
    assert not waiting.done()
    wire.may_stay = False
    assert (await asyncio.wait_for(waiting, 10))["type"] == "websocket.disconnect"
    assert wire.sent[-1] == CLOSED
    await standing.send({"type": "websocket.send", "text": "late"})
    assert types(wire.sent) == ["websocket.accept", "websocket.close"]
    assert (await standing.receive())["type"] == "websocket.disconnect"


async def test_a_socket_that_keeps_talking_is_closed_all_the_same() -> None:
    keys = [{"type": "websocket.receive", "bytes": bytes([number])} for number in range(20)]
    wire = Wire({"type": "websocket.connect"}, *keys)
    standing = wire.standing()
    await standing.receive()
    await standing.send({"type": "websocket.accept"})
    assert [await standing.receive() for _ in keys[:3]] == keys[:3]
    wire.may_stay = False
    assert (await standing.receive())["type"] == "websocket.disconnect"
    assert wire.sent[-1] == CLOSED
    assert (await standing.receive())["type"] == "websocket.disconnect"


async def test_a_socket_that_is_told_something_is_closed_before_it() -> None:
    wire = Wire({"type": "websocket.connect"})
    standing = wire.standing()
    await standing.receive()
    await standing.send({"type": "websocket.accept"})
    wire.may_stay = False
    await standing.send({"type": "websocket.send", "text": "secret"})
    assert types(wire.sent) == ["websocket.accept", "websocket.close"]


@pytest.mark.parametrize("count", [1, 3])
async def test_what_comes_goes_through_in_order(count: int) -> None:
    keys = [{"type": "websocket.receive", "bytes": bytes([number])} for number in range(count)]
    standing = Wire({"type": "websocket.connect"}, *keys).standing()
    await standing.receive()
    assert [await standing.receive() for _ in keys] == keys
