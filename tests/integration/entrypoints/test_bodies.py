"""What a body and an address must be before any route sees them."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI, Request
from pydantic import BaseModel, ConfigDict

from kyros.auth.api.body_limit import limited
from kyros.entrypoints import problems
from kyros.entrypoints.bodies import DEEPEST, StrictBodies

LIMIT_BYTES = 200_000
JSON = {"Content-Type": "application/json"}


class Note(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str = ""
    number: float = 0
    more: Any = None


def build(seen: list[bytes]) -> Any:
    app = FastAPI()
    problems.install(app)

    @app.post("/api/notes")
    async def make(note: Note, request: Request) -> Note:
        seen.append(await request.body())
        return note

    @app.get("/api/notes")
    async def find(q: str = "") -> str:
        return q

    @app.post("/api/ring")
    async def ring() -> str:
        return "rung"

    @app.post("/git/push")
    async def push(request: Request) -> int:
        return len(await request.body())

    return limited(StrictBodies(app, problems.answer), problems.answer, LIMIT_BYTES)


@pytest.fixture
def seen() -> list[bytes]:
    """The bodies that reached the route."""
    return []


@pytest.fixture
async def client(seen: list[bytes]) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(build(seen))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def refused(client: httpx2.AsyncClient, body: bytes, status: int, code: str, **headers: str) -> str:
    answer = await client.post("/api/notes", content=body, headers=JSON | headers)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), problem
    assert answer.headers["content-type"] == "application/problem+json"
    return str(problem["detail"])


@pytest.mark.parametrize(
    ("body", "at"),
    [
        (b"{", 1),
        (b'{"text": "a",}', 12),
        (b'{"text": nul}', 9),
        ('{"text": "é" "number": 1}'.encode(), 14),
        (b'{"text": "\xff"}', 10),
        (b'{"text": "\xed\xa0\x80"}', 10),
        (b'\xef\xbb\xbf{"text": "a"}', 0),
        ('{"text": "a"}'.encode("utf-16"), 0),
        (b'{"text": "a\x00b"}', 11),
        (b'{"text": "a\nb"}', 11),
        (b'{"text": "\\ud800"}', 10),
        (b'{"number": NaN}', 11),
        (b'{"number": -Infinity}', 12),
        (b'{"number": 1e400}', 11),
        (b'{"number": 0x10}', 12),
        (b"{} {}", 3),
        (b"   ", 0),
    ],
)
async def test_what_is_no_json_is_refused_with_its_place(
    client: httpx2.AsyncClient, seen: list[bytes], body: bytes, at: int
) -> None:
    detail = await refused(client, body, 400, "malformed_json")
    assert detail.endswith(f", at byte {at}."), detail
    assert seen == []


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b'{"text": "a", "text": "b"}', "text"),
        (b'{"text": "a", "\\u0074ext": "b"}', "text"),
        (b'{"more": [{"a": 1, "b": {"c": 1, "c": 1}}]}', "'c'"),
        (b'{"text": "a\\u0000b"}', "U+0000"),
        (b'{"more": {"\\u0000": 1}}', "U+0000"),
        (b'{"text": "\\\\\\u0000"}', "U+0000"),
        (b'{"more": 9223372036854775808}', "64 bits"),
        (b'{"more": [-9223372036854775809]}', "64 bits"),
        (b'{"more": 1' + b"0" * 200 + b"}", "64 bits"),
        (b'{"more": ' + b"[" * DEEPEST + b"]" * DEEPEST + b"}", "deeper"),
        (b'{"more":' * 100 + b"1" + b"}" * 100, "deeper"),
        (b'{"more": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", "deeper"),
    ],
)
async def test_json_that_others_would_read_differently_is_refused(
    client: httpx2.AsyncClient, seen: list[bytes], body: bytes, word: str
) -> None:
    assert word in await refused(client, body, 422, "json_refused")
    assert seen == []


@pytest.mark.parametrize(
    "body",
    [
        b'{"text": "\\\\u0000"}',
        b'{"text": "\\ud83d\\ude80 \xf0\x9f\x9a\x80"}',
        b'{"text": "12345678901234567890123"}',
        b'{"more": [9223372036854775807, -9223372036854775808]}',
        b'{"number": 0.12345678901234567890123}',
        b'{"more": ' + b"[" * (DEEPEST - 1) + b"]" * (DEEPEST - 1) + b"}",
        b'{"more": [{}, ' + b"[" * (DEEPEST - 2) + b"]" * (DEEPEST - 2) + b"]}",
        b'{"more": [' + b"[]," * 500 + b"[]]}",
        b'{"more": [{"a": 1}, {"a": 1}], "text": "a"}',
        b' {"text": "a"}\n',
    ],
)
async def test_what_is_odd_but_clear_comes_through_as_it_was_sent(
    client: httpx2.AsyncClient, seen: list[bytes], body: bytes
) -> None:
    answer = await client.post("/api/notes", content=body, headers=JSON)
    assert answer.status_code == 200, answer.text
    assert seen == [body]


async def test_a_long_body_is_checked_as_well(client: httpx2.AsyncClient, seen: list[bytes]) -> None:
    long = json.dumps({"more": list(range(20_000))}).encode()
    assert (await client.post("/api/notes", content=long, headers=JSON)).status_code == 200
    await refused(client, long[:-1] + b', "more": 1}', 422, "json_refused")
    assert seen == [long]


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/merge-patch+json"]
)
async def test_json_may_be_named_in_several_ways(client: httpx2.AsyncClient, kind: str) -> None:
    answer = await client.post("/api/notes", content=b'{"text": "a"}', headers={"Content-Type": kind})
    assert answer.json()["text"] == "a"
    await refused(client, b'{"a": 1, "a": 2}', 422, "json_refused", **{"Content-Type": kind})


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "text/json", "", "json"]
)
async def test_another_kind_of_body_is_refused(
    client: httpx2.AsyncClient, seen: list[bytes], kind: str
) -> None:
    detail = await refused(client, b"{}", 415, "media_type_refused", **{"Content-Type": kind})
    assert "application/json" in detail
    assert seen == []


async def test_a_body_must_say_once_what_it_is(client: httpx2.AsyncClient) -> None:
    for headers in ([], [("Content-Type", "application/json"), ("Content-Type", "text/plain")]):
        answer = await client.post("/api/notes", content=b"{}", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (415, "media_type_refused")


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip", "nonsense"])
async def test_a_compressed_body_is_refused(
    client: httpx2.AsyncClient, seen: list[bytes], encoding: str
) -> None:
    detail = await refused(client, b"{}", 415, "media_type_refused", **{"Content-Encoding": encoding})
    assert "Content-Encoding" in detail
    assert seen == []


async def test_no_body_needs_no_kind(client: httpx2.AsyncClient) -> None:
    assert (await client.post("/api/ring")).json() == "rung"
    missing = await client.post("/api/notes", headers=JSON)
    assert (missing.status_code, missing.json()["code"]) == (422, "invalid_request")


@pytest.mark.parametrize(
    "address",
    [
        "/api/notes?q=a%00b",
        "/api/notes?q=%0a",
        "/api/notes?q=%7f",
        "/api/notes?q=%c2%9b",
        "/api/a%00b",
        "/api/%1b[31m",
    ],
)
async def test_control_characters_in_an_address_are_refused(client: httpx2.AsyncClient, address: str) -> None:
    answer = await client.get(address)
    assert (answer.status_code, answer.json()["code"]) == (400, "address_refused")


@pytest.mark.parametrize("address", ["/api/notes?q=%ff", "/api/%c0%af", "/api/notes?q=%ed%a0%80"])
async def test_an_address_that_is_not_utf8_is_refused(client: httpx2.AsyncClient, address: str) -> None:
    answer = await client.get(address)
    assert (answer.status_code, answer.json()["code"]) == (400, "address_refused")


async def test_an_ordinary_address_is_let_through(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/api/notes", params={"q": "a b+c&é/.."})).json() == "a b+c&é/.."


async def test_what_is_not_the_api_has_rules_of_its_own(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/git/push?x=%00", content=b"\xff", headers={"Content-Encoding": "gzip"})
    assert answer.json() == 1


@pytest.fixture
async def port(seen: list[bytes]) -> AsyncIterator[int]:
    """The same application on a real server."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(build(seen), log_level="error", ws="none", lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    yield listening.getsockname()[1]
    server.should_exit = True
    await serving
    listening.close()


async def exchange(port: int, request: bytes) -> bytes:
    """All the server says until it closes the connection, whether it has read everything or not."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    writer.write_eof()
    answer = b""
    async with asyncio.timeout(20):
        with suppress(ConnectionResetError):
            while said := await reader.read(65_536):
                answer += said
    writer.close()
    return answer


HEAD = b"POST /api/notes HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Type: application/json\r\n"


async def test_a_body_in_pieces_is_read_whole(port: int, seen: list[bytes]) -> None:
    pieces = b'8\r\n{"text":\r\n5\r\n "a"}\r\n0\r\n\r\n'
    answer = await exchange(port, HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + pieces)
    assert answer.startswith(b"HTTP/1.1 200")
    assert seen == [b'{"text": "a"}']


async def test_pieces_without_end_do_not_get_past_the_limit(port: int, seen: list[bytes]) -> None:
    piece = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    answer = await exchange(port, HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + piece * 4)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"body_too_large" in answer
    assert seen == []


async def test_a_body_shorter_than_declared_reaches_no_route(port: int, seen: list[bytes]) -> None:
    answer = await exchange(port, HEAD + b'Content-Length: 500\r\n\r\n{"text": "a"}')
    assert b"HTTP/1.1 200" not in answer
    assert seen == []


async def test_a_body_longer_than_declared_is_no_second_request(port: int, seen: list[bytes]) -> None:
    answer = await exchange(
        port, HEAD + b"Content-Length: 2\r\n\r\n{}" + HEAD.replace(b"close", b"keep-alive")
    )
    assert answer.count(b"HTTP/1.1 200") == 1
    assert seen == [b"{}"]


async def test_two_lengths_or_a_length_beside_pieces_are_refused(port: int, seen: list[bytes]) -> None:
    for lengths in (
        b"Content-Length: 2\r\nContent-Length: 13\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n",
    ):
        answer = await exchange(port, HEAD + lengths + b'{"text": "a"}')
        assert answer.startswith(b"HTTP/1.1 400"), answer
    assert seen == []
