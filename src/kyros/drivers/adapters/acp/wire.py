"""JSON-RPC 2.0 over lines, both ways. What it means is decided elsewhere."""

import asyncio
import json
from collections.abc import Awaitable, Callable

from kyros.drivers.adapters.messages import Event, mapping, text_of
from kyros.drivers.adapters.stream import Lines

Id = str | int | float

METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
REQUEST_CANCELLED = -32800
AUTH_REQUIRED = -32000
NOT_FOUND = -32002

_SAID_SIGNS = 2_000


class Refused(Exception):
    """A JSON-RPC error: one that the program answered, or one for us to answer."""

    def __init__(self, code: int, message: str, data: object = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data

    def words(self) -> str:
        """What it says, with the details that some programs hide in `data`."""
        held = mapping(self.data)
        details = text_of(self.data) or text_of(held.get("details")) or text_of(held.get("message"))
        said = self.message if details in self.message else f"{self.message}: {details}"
        return " ".join(said.split())[:_SAID_SIGNS]


class HungUp(Exception):
    """The program is gone, or listens no more."""


class Wire:
    """Messages are taken in the order in which they came: the next one waits until `asked` and `told` have
    returned, so these must not wait for a person. `send` gets whole lines and does not wait."""

    def __init__(
        self,
        send: Callable[[bytes], None],
        asked: Callable[[Id, str, Event], Awaitable[None]],
        told: Callable[[str, Event], None],
        junk: Callable[[str], None],
    ) -> None:
        self._send = send
        self._asked = asked
        self._told = told
        self._junk = junk
        self._lines = Lines()
        self._waiting: dict[int, asyncio.Future[Event]] = {}
        self._last_id = 0
        self._has_hung_up = False

    async def call(self, method: str, params: Event) -> Event:
        """Raises Refused, and HungUp when no answer can come any more."""
        if self._has_hung_up:
            raise HungUp
        self._last_id += 1
        number = self._last_id
        self._waiting[number] = asyncio.get_running_loop().create_future()
        self._say({"id": number, "method": method, "params": params})
        try:
            return await self._waiting[number]
        finally:
            del self._waiting[number]

    def notify(self, method: str, params: Event) -> None:
        self._say({"method": method, "params": params})

    def answer(self, request: Id, result: Event) -> None:
        self._say({"id": request, "result": result})

    def refuse(self, request: Id, error: Refused) -> None:
        self._say({"id": request, "error": {"code": error.code, "message": error.message}})

    async def feed(self, chunk: bytes) -> None:
        for message in self._lines.feed(chunk):
            await self._take(message)

    async def end(self) -> None:
        """The stream has ended, perhaps in the middle of a line."""
        for message in self._lines.end():
            await self._take(message)

    def hang_up(self) -> None:
        """Nobody will answer any more."""
        self._has_hung_up = True
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(HungUp())

    async def _take(self, message: Event | str) -> None:
        if isinstance(message, str):
            return self._junk(message)
        method, request = message.get("method"), message.get("id")
        if isinstance(method, str):
            params = mapping(message.get("params"))
            if isinstance(request, Id) and not isinstance(request, bool):
                return await self._asked(request, method, params)
            return self._told(method, params)
        return self._settle(request, message)

    def _settle(self, number: object, message: Event) -> None:
        """An answer to nothing we asked means nothing."""
        if isinstance(number, str) and len(number) < 10 and number.isascii() and number.isdecimal():
            number = int(number)
        future = self._waiting.get(number) if isinstance(number, int) else None
        if future is None or future.done():
            return
        if "error" in message:
            future.set_exception(_refusal(message["error"]))
        else:
            future.set_result(mapping(message.get("result")))

    def _say(self, message: Event) -> None:
        if not self._has_hung_up:
            self._send(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")


def _refusal(error: object) -> Refused:
    held = mapping(error)
    code = held.get("code")
    message = text_of(held.get("message")) or text_of(error) or "it gave no reason"
    return Refused(code if isinstance(code, int) else INTERNAL_ERROR, message, held.get("data"))
