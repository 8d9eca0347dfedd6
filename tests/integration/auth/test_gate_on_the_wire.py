"""The gate behind real servers, byte for byte: what no client library would send."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send


@pytest.fixture(params=["h11", "httptools"])
def port(request: pytest.FixtureRequest, app: ASGIApp) -> Iterator[int]:
    ready = threading.Event()

    async def announced(scope: Scope, receive: Receive, send: Send) -> None:
        ready.set()
        await app(scope, receive, send)

    config = uvicorn.Config(announced, http=request.param, ws="none", log_config=None, lifespan="on")
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    assert ready.wait(20)
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join()
    listener.close()


def send(port: int, *pieces: bytes) -> bytes:
    """Everything the server answers until it closes; it may close before it has read everything."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for piece in pieces:
                connection.sendall(piece)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(65536):
                answer += piece
        return answer


def request(line: str, *headers: str) -> bytes:
    return "\r\n".join([line, *headers, "Connection: close", "", ""]).encode("latin-1")


@pytest.mark.parametrize(
    "target",
    [
        "//api/runs",
        "///api/runs",
        "/api/../healthz",
        "/api/%2e%2e/healthz",
        "/healthz/%2e%2e/api/runs",
        "/healthz%2f..%2fapi/runs",
        "/%61pi/runs",
        "/%2561pi/runs",
        "/API/runs",
        "/%5capi%5cruns",
        "/runs%00",
        "http://localhost/api/runs",
        "/api/runs?token=kyros_the-right-token",
        "/api/runs#/healthz",
    ],
)
def test_no_spelling_on_the_wire_gets_in(port: int, target: str) -> None:
    answer = send(port, request(f"GET {target} HTTP/1.1", "Host: localhost"))
    assert answer[9:12] in (b"401", b"400")
    assert b"secret" not in answer


@pytest.mark.parametrize(
    "hosts",
    [(), ("Host: localhost", "Host: evil.example"), ("Host: evil.example", "Host: localhost"), ("Host:",)],
)
def test_a_request_without_one_clear_host_gets_nothing(port: int, token: str, hosts: tuple[str, ...]) -> None:
    for version in ("1.0", "1.1"):
        answer = send(
            port, request(f"GET /api/runs HTTP/{version}", *hosts, f"Authorization: Bearer {token}")
        )
        assert answer[9:12] in (b"400", b"421")
        assert b"secret" not in answer


def test_the_plain_request_gets_its_answer(port: int, token: str) -> None:
    answer = send(
        port, request("GET /api/runs HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Authorization: Bearer {token}")
    )
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"secret")


def test_an_upgrade_without_a_token_is_denied(port: int) -> None:
    upgrade = request(
        "GET /api/attach HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Sec-WebSocket-Version: 13"
    )
    assert send(port, upgrade.replace(b"Connection: close", b"Connection: Upgrade, close"))[9:12] == b"401"


def test_a_chunked_body_is_cut_off_at_the_limit(port: int, token: str) -> None:
    head = request(
        "POST /api/slurp HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {token}",
        "Transfer-Encoding: chunked",
    )
    chunk = b"200\r\n" + b"x" * 512 + b"\r\n"
    answer = send(port, head, chunk, chunk, chunk, b"0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"body_too_large" in answer
