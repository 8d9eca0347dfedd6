"""A small real application behind the gate: what is secret answers `secret` when somebody gets in."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI, Request, WebSocket
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import ASGIApp

from kyros.auth.api import Gate, router
from kyros.auth.model import perimeter
from kyros.auth.service import Auth, operator
from kyros.entrypoints import problems

TOKEN = "kyros_the-right-token"


def build() -> FastAPI:
    app = FastAPI()
    problems.install(app)
    app.add_middleware(
        Gate,
        auth=Auth([operator(TOKEN)]),
        perimeter=perimeter("127.0.0.1", ["kyros.example"], ["https://board.example"]),
        answer=problems.answer,
        body_limit_bytes=1_000,
    )
    app.include_router(router())

    @app.get("/healthz")
    async def healthz() -> PlainTextResponse:
        return PlainTextResponse("ok")

    @app.get("/api/runs")
    @app.get("/readyz")
    @app.get("/metrics")
    async def secret() -> PlainTextResponse:
        return PlainTextResponse("secret")

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

    return app


@pytest.fixture
def app() -> ASGIApp:
    return build()


@pytest.fixture
def token() -> str:
    return TOKEN
