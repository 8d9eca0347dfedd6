"""Answers that stream on: they outlive their access token, and end with the right to them."""

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Scope

from kyros.auth.api import Gate
from kyros.auth.model import Role, perimeter
from kyros.entrypoints import problems
from tests.integration.auth.conftest import Rooms, Visitor, add, build
from tests.stand_ins import Clock


class Stream:
    """A GET whose answer is read piece by piece, as a server would."""

    def __init__(self, rooms: Rooms) -> None:
        self.pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.ticks: asyncio.Queue[str] = asyncio.Queue()
        self.serving: asyncio.Task[None] | None = None
        app = FastAPI()

        @app.get("/api/ticks")
        async def ticks() -> StreamingResponse:
            async def stream() -> AsyncIterator[str]:
                while True:
                    yield await self.ticks.get()

            return StreamingResponse(stream(), media_type="text/event-stream")

        own = perimeter("127.0.0.1", [], [])
        self._gate = Gate(
            app, rooms.auth, own, problems.answer, rooms.rates, rooms.refusals, ask_again_seconds=0
        )

    async def open(self, token: str) -> None:
        headers = [(b"host", b"localhost"), (b"authorization", f"Bearer {token}".encode())]
        scope: Scope = {
            "type": "http",
            "method": "GET",
            "scheme": "http",
            "path": "/api/ticks",
            "headers": headers,
        }
        scope |= {"query_string": b"", "raw_path": b"/api/ticks", "http_version": "1.1", "client": ("::1", 1)}
        gone = asyncio.Event()

        asked: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> Message:
            if asked:
                return asked.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.body":
                self.pieces.put_nowait(message["body"] if message.get("more_body") else None)
                if not message.get("more_body"):
                    gone.set()

        await self._gate(scope, receive, send)


@pytest.fixture
async def stream(rooms: Rooms, admin: Visitor) -> AsyncIterator[tuple[Stream, Visitor]]:
    await add(admin, "vic", Role.VIEWER)
    vic = Visitor(build(rooms))
    await vic.sign_in("vic")
    stream = Stream(rooms)
    assert vic.token is not None
    serving = stream.serving = asyncio.create_task(stream.open(vic.token))
    stream.ticks.put_nowait("one")
    assert await asyncio.wait_for(stream.pieces.get(), 10) == b"one"
    yield stream, vic
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


async def test_it_goes_on_when_its_access_token_has_expired(
    stream: tuple[Stream, Visitor], clock: Clock
) -> None:
    open_one, vic = stream
    clock.advance(601)
    assert (await vic("GET", "/api/runs")).status_code == 401
    open_one.ticks.put_nowait("two")
    assert await asyncio.wait_for(open_one.pieces.get(), 10) == b"two"


@pytest.mark.parametrize("change", [{"disabled": True}, {"role": None}, {"role": "operator"}])
async def test_it_ends_when_its_caller_is_not_who_they_were(
    stream: tuple[Stream, Visitor], admin: Visitor, change: dict[str, object]
) -> None:
    open_one, _ = stream
    await admin("PATCH", "/api/auth/people/vic", change)
    open_one.ticks.put_nowait("not for them")
    assert await asyncio.wait_for(open_one.pieces.get(), 10) is None
    open_one.ticks.put_nowait("nor this")
    await asyncio.sleep(0)
    assert open_one.pieces.empty()


async def test_one_that_is_silent_ends_as_well(stream: tuple[Stream, Visitor], admin: Visitor) -> None:
    """As a wait in line does: its route hears that the client is gone."""
    open_one, _ = stream
    assert open_one.serving is not None
    await asyncio.wait({open_one.serving}, timeout=0.3)
    assert not open_one.serving.done()
    await admin("PATCH", "/api/auth/people/vic", {"disabled": True})
    await asyncio.wait_for(open_one.serving, 10)


async def test_a_wait_in_line_is_refused_when_its_caller_is_not_who_they_were(
    rooms: Rooms, admin: Visitor
) -> None:
    """A route that waits hears that its client is gone, and what it says then is for nobody."""
    waiting = asyncio.Event()
    app = FastAPI()

    @app.post("/api/line")
    async def line(request: Request) -> Response:
        waiting.set()
        while (await request.receive())["type"] != "http.disconnect":
            pass
        return Response(b"yours", 408)

    await add(admin, "vic", Role.VIEWER)
    vic = Visitor(build(rooms))
    await vic.sign_in("vic")
    own = perimeter("127.0.0.1", [], [])
    gate = Gate(app, rooms.auth, own, problems.answer, rooms.rates, rooms.refusals, ask_again_seconds=0)
    transport = httpx2.ASGITransport(app=gate)
    headers = {"Authorization": f"Bearer {vic.token}"}
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        asked = asyncio.create_task(client.post("/api/line", headers=headers))
        await asyncio.wait_for(waiting.wait(), 10)
        await admin("PATCH", "/api/auth/people/vic", {"disabled": True})
        answer = await asyncio.wait_for(asked, 10)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    (refused,) = await rooms.told("access_refused")
    assert refused.actor == "vic"
