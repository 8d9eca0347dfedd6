"""A small real application behind the gate: what is secret answers `secret` when somebody gets in."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI, Request, WebSocket
from pwdlib.hashers.argon2 import Argon2Hasher
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import ASGIApp

from kyros.auth.adapters import ArgonPasswords, LimitedRates
from kyros.auth.api import Caller, Gate, auth_router, keys_router
from kyros.auth.model import Right, Role, perimeter, require
from kyros.auth.ports import SigningKey
from kyros.auth.service import (
    AccessTokens,
    AgentTokens,
    Auth,
    Keys,
    People,
    Refusals,
    Sessions,
    Throttle,
    operator,
)
from kyros.auth.store import SqlAuthStore
from kyros.entrypoints import problems
from kyros.events.model import Event, EventFilter
from kyros.events.store import SqlEventLog
from kyros.forge.errors import ProjectNotFound
from kyros.infra.db import Database
from kyros.kernel.ids import new_id
from tests.stand_ins import Clock

TOKEN = "kyros_the-right-token"
PASSWORD = "correct horse battery"
RATES = {"read": "6000/minute", "write": "3000/minute", "sign-in": "600/minute"}
SIGNING = SigningKey("key-1", b"s" * 32)
Reply = httpx2.Response


def quick_passwords() -> ArgonPasswords:
    """Real hashes that cost a test next to nothing."""
    return ArgonPasswords(Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1))


class Rooms:
    """Auth's services over one database, wired as the server wires them."""

    def __init__(self, database: Database, clock: Clock, rates: dict[str, str] = RATES) -> None:
        self.clock = clock
        self.events = SqlEventLog(database, clock=clock)
        self.store = SqlAuthStore(database, self.events, clock)
        self.access = AccessTokens(SIGNING, clock)
        self.auth = Auth([operator(TOKEN)], self.store, self.access, clock)
        self.refusals = Refusals(self.events, clock)
        self.throttle = Throttle(clock)
        self.people = People(self.store, quick_passwords(), self.throttle)
        self.sessions = Sessions(
            self.store, self.access, quick_passwords(), self.throttle, self.refusals, new_id
        )
        self.keys = Keys(self.store, new_id)
        self.agents = AgentTokens(self.store)
        self.rates = LimitedRates(rates)
        database.listener = lambda topics: self.auth.wake() if "auth" in topics else None

    async def told(self, event: str) -> list[Event]:
        return await self.events.page(0, 500, EventFilter(event=event))


def build(rooms: Rooms) -> FastAPI:
    app = FastAPI()
    problems.install(app)
    app.add_middleware(
        Gate,
        auth=rooms.auth,
        perimeter=perimeter("127.0.0.1", ["kyros.example"], ["https://board.example"]),
        answer=problems.answer,
        rates=rooms.rates,
        refusals=rooms.refusals,
        body_limit_bytes=1_000,
    )
    app.include_router(auth_router(rooms.people, rooms.sessions))
    app.include_router(keys_router(rooms.keys))
    _add_probes(app)
    _add_streams(app)
    return app


def _add_probes(app: FastAPI) -> None:
    @app.get("/healthz")
    async def healthz() -> PlainTextResponse:
        return PlainTextResponse("ok")

    @app.get("/api/runs")
    @app.get("/readyz")
    @app.get("/metrics")
    async def secret() -> PlainTextResponse:
        return PlainTextResponse("secret")

    @app.get("/api/shared/{project}")
    async def project(project: str, principal: Caller) -> PlainTextResponse:
        require(principal, Right.READ, project)
        return PlainTextResponse("secret")

    @app.post("/api/shared/{project}")
    async def work_on(project: str, principal: Caller) -> PlainTextResponse:
        require(principal, Right.TASKS, project)
        return PlainTextResponse("done")

    @app.get("/api/projects/{ref}")
    async def no_project(ref: str) -> None:
        raise ProjectNotFound("There is no such project.", ref=ref)


def _add_streams(app: FastAPI) -> None:
    @app.post("/api/echo")
    async def echo(body: dict[str, Any]) -> int:
        return len(body)

    @app.post("/api/slurp")
    async def slurp(request: Request) -> int:
        try:
            return len(await request.body())
        except Exception:
            return -1

    @app.get("/api/ticks")
    async def ticks(request: Request) -> StreamingResponse:
        async def stream() -> AsyncIterator[bytes]:
            yield b"data: 1\n\n"
            await asyncio.Event().wait()

        return StreamingResponse(stream(), media_type="text/event-stream")

    @app.websocket("/api/attach")
    async def attach(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(f"hello {socket.state.principal.name}")
        await socket.close()

    @app.get("/{path:path}")
    async def console(path: str) -> PlainTextResponse:
        return PlainTextResponse("console")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rooms(database: Database, clock: Clock) -> Rooms:
    return Rooms(database, clock)


@pytest.fixture
def app(rooms: Rooms) -> ASGIApp:
    return build(rooms)


@pytest.fixture
def token() -> str:
    return TOKEN


class Visitor:
    """Somebody with a client of their own: cookies, and the token they have by now."""

    def __init__(self, app: ASGIApp, token: str | None = None, scheme: str = "http") -> None:
        self.http = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app, client=("203.0.113.9", 5)),
            base_url=f"{scheme}://localhost",
        )
        self.token = token

    async def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        sent = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.request(method, path, json=body, headers={**sent, **named})

    async def sign_in(self, name: str, password: str = PASSWORD, transport: str = "body") -> Reply:
        body = {"name": name, "password": password, "transport": transport}
        answer = await Visitor.__call__(self, "POST", "/api/auth/login", body)
        if answer.status_code == 200:
            self.token = answer.json()["access_token"]
        return answer


@pytest.fixture
async def owner(app: ASGIApp) -> AsyncIterator[Visitor]:
    """With the operator's token."""
    visitor = Visitor(app, TOKEN)
    async with visitor.http:
        yield visitor


@pytest.fixture
async def admin(app: ASGIApp, owner: Visitor) -> AsyncIterator[Visitor]:
    """Ada, the first admin, signed in."""
    await add(owner, "ada", Role.ADMIN)
    visitor = Visitor(app)
    async with visitor.http:
        assert (await visitor.sign_in("ada")).status_code == 200
        yield visitor


async def add(by: Visitor, name: str, role: Role | None) -> None:
    body = {"name": name, "password": PASSWORD, "role": role}
    made = await by("POST", "/api/auth/people", body)
    assert made.status_code == 201, made.text
