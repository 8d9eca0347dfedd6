"""A run's terminal over a WebSocket: watch it from any point on, take the keyboard, give it back.

To the client: binary messages are what the terminal printed; text messages are JSON: `hello`, `size`, `at`
(the offset to come back with), `keyboard` (whether one holds it), `refused`, `end`. From the client: binary
messages are keys; text messages are JSON: `take`, `give`, `resize`.
"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing, suppress
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, WebSocket
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.responses import Response
from starlette.websockets import WebSocketDisconnect

from kyros.auth.api import Caller
from kyros.auth.model import Principal, Right
from kyros.delegation.api.following import End, Following, Output, Size
from kyros.delegation.errors import no_run
from kyros.delegation.model import Run
from kyros.delegation.service import Delegations
from kyros.fleet.api.seen import require_or_hide
from kyros.fleet.model.attach import MOST_COLUMNS, MOST_ROWS
from kyros.fleet.service.keyboards import Hold, Keyboards
from kyros.kernel.errors import Conflict, Invalid, KyrosError
from kyros.kernel.ids import new_id

SUBPROTOCOL = "kyros.attach.v1"
_KEYS_BYTES = 64 * 1024
_TEXT_SIGNS = 1_000


class MessageRefused(Invalid):
    """A message over the socket cannot be used."""

    code = "message_refused"


class KeyboardNotHeld(Conflict):
    code = "keyboard_not_held"


class _Said(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Take(_Said):
    type: Literal["take"]


class Give(_Said):
    type: Literal["give"]


class Resize(_Said):
    type: Literal["resize"]
    columns: Annotated[int, Field(ge=2, le=MOST_COLUMNS)]
    rows: Annotated[int, Field(ge=2, le=MOST_ROWS)]


Said = Take | Give | Resize
_SAID: TypeAdapter[Said] = TypeAdapter(Annotated[Said, Field(discriminator="type")])


def attach_router(
    delegations: Delegations,
    following: Following,
    keyboards: Keyboards,
    answer: Callable[[KyrosError], Response],
) -> APIRouter:
    """`answer` is how a refusal reads over HTTP, for whoever is not let in."""
    router = APIRouter()

    @router.websocket("/api/runs/{run_id}/attach")
    async def attach(
        socket: WebSocket, run_id: str, principal: Caller, after: Annotated[int, Query(ge=0)] = 0
    ) -> None:
        try:
            run = await delegations.run(run_id)
            require_or_hide(principal, Right.READ, run.project_id, no_run(run_id))
        except KyrosError as refusal:
            socket.state.refusal = refusal
            await socket.send_denial_response(answer(refusal))
            return
        asked = socket.headers.get("sec-websocket-protocol", "")
        await socket.accept(subprotocol=SUBPROTOCOL if SUBPROTOCOL in asked else None)
        with suppress(WebSocketDisconnect):  # a client may leave in the middle of what it is told
            await _Attached(socket, principal, run, keyboards).serve(following, after)

    return router


class _Attached:
    """One open socket."""

    def __init__(self, socket: WebSocket, principal: Principal, run: Run, keyboards: Keyboards) -> None:
        self._socket = socket
        self._principal = principal
        self._run = run
        self._keyboards = keyboards
        self._hold: Hold | None = None
        self._name = new_id("socket")
        self._turn_to_send = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, following: Following, after: int) -> None:
        """Until the run or the client ends."""
        may_type = self._principal.may(Right.OPERATE, self._run.project_id)
        await self._say(type="hello", run_id=self._run.id, may_type=may_type)
        both = [asyncio.create_task(self._show(following, after)), asyncio.create_task(self._listen())]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (*both, *self._tasks):
                task.cancel()
            await asyncio.shield(self._end(both))
        for task in both:
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error

    async def _end(self, both: "list[asyncio.Task[None]]") -> None:
        await asyncio.gather(*both, *self._tasks, return_exceptions=True)
        if self._hold is not None:
            await self._hold.close()

    async def _show(self, following: Following, after: int) -> None:
        async with aclosing(following.follow(self._run.id, after)) as pieces:
            async for piece in pieces:
                match piece:
                    case Size(columns, rows):
                        await self._say(type="size", columns=columns, rows=rows)
                    case Output(offset, data):
                        async with self._turn_to_send:
                            if data:
                                await self._socket.send_bytes(data)
                            await self._socket.send_json({"type": "at", "offset": offset})
                    case End(status):
                        await self._say(type="end", status=status)
                        await self._socket.close()
                        return
        await self._socket.close(1012, "the server ends")

    async def _listen(self) -> None:
        with suppress(WebSocketDisconnect):
            while True:
                message = await self._socket.receive()
                if message["type"] != "websocket.receive":
                    return
                try:
                    await self._take_in(message.get("bytes"), message.get("text") or "")
                except KyrosError as refusal:
                    await self._say(type="refused", code=refusal.code, message=refusal.message)

    async def _take_in(self, keys: bytes | None, text: str) -> None:
        if keys is not None:
            self._held().type(_checked(keys))
            return
        match _read(text):
            case Take():
                await self._take()
            case Give():
                await self._give()
            case Resize(columns=columns, rows=rows):
                self._held().resize(columns, rows)

    async def _take(self) -> None:
        if self._hold is None:
            require_or_hide(self._principal, Right.OPERATE, self._run.project_id, no_run(self._run.id))
            self._hold = await self._keyboards.take(
                self._run.id, self._principal.name, self._name, self._lost
            )
        await self._say(type="keyboard", yours=True)

    async def _give(self) -> None:
        hold, self._hold = self._hold, None
        if hold is not None:
            await hold.close()
        await self._say(type="keyboard", yours=False)

    def _lost(self) -> None:
        self._hold = None
        task = asyncio.create_task(self._say(type="keyboard", yours=False))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _held(self) -> Hold:
        if self._hold is None:
            raise KeyboardNotHeld('Nothing was typed: send {"type": "take"} first.')
        return self._hold

    async def _say(self, **content: Any) -> None:
        async with self._turn_to_send:
            await self._socket.send_json(content)


def _checked(keys: bytes) -> bytes:
    if len(keys) > _KEYS_BYTES:
        raise MessageRefused(f"Nothing was typed: send at most {_KEYS_BYTES} bytes of keys at a time.")
    return keys


def _read(text: str) -> Said:
    try:
        return _SAID.validate_json(text[:_TEXT_SIGNS])
    except ValidationError:
        raise MessageRefused(
            'That message is not known: send {"type": "take"}, {"type": "give"}, or {"type": "resize"} with '
            f"columns (2 to {MOST_COLUMNS}) and rows (2 to {MOST_ROWS})."
        ) from None
