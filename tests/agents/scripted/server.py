"""The scripted model on a loopback port, in OpenAI's, Anthropic's and Gemini's words."""

import asyncio
import json
import re
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from types import ModuleType

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.agents.scripted import anthropic, gemini, openai_chat, openai_responses
from tests.agents.scripted.model import ScriptedModel
from tests.agents.scripted.script import Cuts, Fault, Hangs, Refuses, Script
from tests.agents.scripted.talk import Answer, Ask, NotUnderstood

_START_SECONDS = 20
_DIALECTS: tuple[tuple[str, ModuleType], ...] = (
    (r"/v1/chat/completions", openai_chat),
    (r"/v1/responses", openai_responses),
    (r"/v1/messages", anthropic),
    (r"/v1beta/models/[^/:]+:(?:stream)?[gG]enerateContent", gemini),
)


class ConnectionCut(Exception):
    """Raised into the web server, which then drops the connection."""


class ScriptedServer:
    """`problems` lists what was not understood; the test that finds one fails with it."""

    def __init__(self, script: Script, port: int) -> None:
        self.model = ScriptedModel(script)
        self.problems: list[str] = []
        self.heard: list[str] = []
        self.url = f"http://127.0.0.1:{port}"
        self._closing = threading.Event()

    @property
    def app(self) -> Starlette:
        every = ["GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"]
        return Starlette(routes=[Route("/{path:path}", self._serve, methods=every)])

    def close(self) -> None:
        self._closing.set()

    async def _serve(self, request: Request) -> Response:
        path, raw = request.url.path, await request.body()
        self.heard.append(f"{request.method} {path}")
        try:
            return await self._answer(request.method, path, raw)
        except NotUnderstood as problem:
            self.problems.append(f"{request.method} {path}: {problem}")
        except (KeyError, TypeError, ValueError, AttributeError) as problem:
            self.problems.append(f"{request.method} {path}: {problem!r} in {raw[:2000]!r}")
        return JSONResponse({"error": {"message": "the scripted model does not understand this"}}, 400)

    async def _answer(self, method: str, path: str, raw: bytes) -> Response:
        for pattern, dialect in _DIALECTS:
            if method == "POST" and re.fullmatch(pattern, path):
                ask = dialect.read(json.loads(raw), path)
                return self._reply(dialect, ask, self.model.take(ask))
        return _small_talk(method, path)

    def _reply(self, dialect: ModuleType, ask: Ask, answer: Answer | Fault) -> Response:
        if isinstance(answer, Refuses):
            return JSONResponse(answer.body or dialect.refusal(answer), answer.status, dict(answer.headers))
        if isinstance(answer, Cuts | Hangs):
            begun = Answer("unfinished", "I begin", self.model.script.figures(0))
            chunks = [*dialect.stream(begun, ask)] if ask.is_streamed else ["{"]
            return StreamingResponse(self._unfinished(chunks[:2], answer), media_type=_type(ask))
        if ask.is_streamed:
            return StreamingResponse(iter([*dialect.stream(answer, ask)]), media_type=_type(ask))
        return JSONResponse(dialect.whole(answer, ask))

    async def _unfinished(self, chunks: list[str], fault: Fault) -> AsyncIterator[str]:
        for chunk in chunks:
            yield chunk
        await asyncio.sleep(0.1)
        while isinstance(fault, Hangs) and not self._closing.is_set():
            await asyncio.sleep(0.1)
        raise ConnectionCut


@contextmanager
def served(script: Script) -> Iterator[ScriptedServer]:
    """On a free port, until the block ends."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        scripted = ScriptedServer(script, listening.getsockname()[1])
        config = uvicorn.Config(
            scripted.app, log_level=60, lifespan="off", loop="asyncio", timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        try:
            yield scripted
        finally:
            scripted.close()
            server.should_exit = True
            thread.join(_START_SECONDS)


def _type(ask: Ask) -> str:
    return "text/event-stream" if ask.is_streamed else "application/json"


def _small_talk(method: str, path: str) -> Response:
    """What programs ask besides: which models there are, how many tokens a text has, whether we live."""
    if method == "HEAD" and path in ("/", "/api/hello"):
        return Response()
    if method == "GET" and path == "/v1/responses":  # a WebSocket is asked for: use HTTP
        return Response(status_code=426)
    if method == "GET" and path == "/v1/models":
        return JSONResponse({"object": "list", "data": [{"id": "scripted", "object": "model"}], "models": []})
    if method == "POST" and path == "/v1/messages/count_tokens":
        return JSONResponse({"input_tokens": 10})
    if method == "POST" and re.fullmatch(r"/v1beta/models/[^/:]+:countTokens", path):
        return JSONResponse({"totalTokens": 10})
    raise NotUnderstood("no such call is known")
