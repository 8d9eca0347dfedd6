"""The gate before a real application: who gets in, and what everybody else is told."""

from collections.abc import Iterator, Sequence
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.types import ASGIApp, Message
from starlette.websockets import WebSocketDisconnect

Headers = Sequence[tuple[str, str]]
LOCAL = ("host", "localhost:8000")


@pytest.fixture
def client(app: ASGIApp) -> Iterator[TestClient]:
    with TestClient(app, base_url="http://localhost:8000") as client:
        yield client


@pytest.fixture
def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def ask(
    app: ASGIApp,
    path: str,
    headers: Headers = (LOCAL,),
    method: str = "GET",
    bodies: Sequence[bytes] = (b"",),
    **more: Any,
) -> tuple[int, bytes]:
    """One request as the server hands it over: no client tidies the path or the headers."""
    waiting = [
        {"type": "http.request", "body": body, "more_body": rest > 0}
        for rest, body in zip(reversed(range(len(bodies))), bodies, strict=True)
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
        "client": ("127.0.0.1", 5),
        **more,
    }
    await app(scope, receive, send)
    assert [message["type"] for message in sent].count("http.response.start") == 1
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)


def test_the_right_token_says_who_one_is(client: TestClient, bearer: dict[str, str]) -> None:
    answer = client.get("/api/auth/me", headers=bearer)
    assert (answer.status_code, answer.json()["name"]) == (200, "operator")


def test_the_scheme_word_may_be_written_in_any_case(client: TestClient, token: str) -> None:
    assert client.get("/api/runs", headers={"Authorization": f"bearer {token}"}).text == "secret"


def test_without_a_token_one_is_told_how_to_send_it(client: TestClient) -> None:
    answer = client.get("/api/auth/me")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "unauthenticated"
    assert "Authorization: Bearer" in answer.json()["detail"]


@pytest.mark.parametrize(
    "sent",
    [
        "Basic {token}",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        "{token}",
        "Bearer{token}",
        "Bearer {token} x",
        "Token {token}",
    ],
)
def test_any_other_authorization_is_refused(client: TestClient, token: str, sent: str) -> None:
    answer = client.get("/api/runs", headers={"Authorization": sent.format(token=token)})
    assert answer.status_code == 401
    assert token not in answer.text


def test_a_token_in_the_query_or_a_cookie_is_not_accepted(client: TestClient, token: str) -> None:
    for query in ({"token": token}, {"access_token": token}, {"Authorization": f"Bearer {token}"}):
        assert client.get("/api/runs", params=query).status_code == 401
    assert client.get("/api/runs", headers={"Cookie": f"token={token}"}).status_code == 401


async def test_two_authorizations_are_refused_though_one_is_right(app: ASGIApp, token: str) -> None:
    right, wrong = ("authorization", f"Bearer {token}"), ("authorization", "Bearer wrong")
    assert (await ask(app, "/api/runs", (LOCAL, right)))[0] == 200
    for headers in ((LOCAL, right, wrong), (LOCAL, wrong, right)):
        assert (await ask(app, "/api/runs", headers))[0] == 401


@pytest.mark.parametrize("path", ["/", "/healthz", "/runs/run_1"])
def test_health_and_console_need_no_token(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/api/runs", "/readyz", "/metrics", "/mcp", "/git/x", "/api/openapi.json"])
def test_everything_else_needs_one(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 401


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_no_writing_method_is_public_anywhere(client: TestClient, method: str) -> None:
    assert client.request(method, "/runs").status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        "//api/runs",
        "/api/../healthz",
        "/healthz/../api/runs",
        "/%61pi/runs",
        "/API/runs",
        "/api/runs/",
        "/\\api\\runs",
        "",
    ],
)
async def test_no_spelling_of_a_path_gets_around_the_gate(app: ASGIApp, path: str) -> None:
    assert (await ask(app, path))[0] == 401


@pytest.mark.parametrize(
    ("root", "path"), [("/base", "/base/api/runs"), ("/base", "/api/runs"), ("/base/", "/base//api/runs")]
)
async def test_a_root_path_opens_no_way_around(app: ASGIApp, token: str, root: str, path: str) -> None:
    assert (await ask(app, path, root_path=root))[0] == 401
    right = (LOCAL, ("authorization", f"Bearer {token}"))
    assert (await ask(app, path, right, root_path=root))[1] == b"secret"


PIECES = [
    "api",
    "API",
    "runs",
    "healthz",
    "readyz",
    "metrics",
    "..",
    ".",
    "",
    "%2e",
    "%2f",
    "\\",
    ";",
    " ",
    "console",
]


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=6), st.sampled_from(["GET", "HEAD"]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, database=None)
def test_no_path_at_all_shows_a_secret_without_a_token(app: ASGIApp, pieces: list[str], method: str) -> None:
    path = "/" + "/".join(pieces)
    status, body = anyio.run(ask, app, path, (LOCAL,), method)
    assert b"secret" not in body
    assert status in (200, 307, 401, 404, 405)


def test_a_rebound_name_is_refused_before_everything_else(client: TestClient, bearer: dict[str, str]) -> None:
    for path in ("/", "/healthz", "/api/runs"):
        answer = client.get(path, headers={**bearer, "Host": "rebind.evil.example:8000"})
        assert answer.status_code == 421
        assert answer.json()["code"] == "host_refused"
        assert "KYROS_ALLOWED_HOSTS" in answer.json()["detail"]


@pytest.mark.parametrize("hosts", [(), (LOCAL, LOCAL), (LOCAL, ("host", "evil.example"))])
async def test_no_host_or_two_is_a_bad_request(app: ASGIApp, token: str, hosts: Headers) -> None:
    status, body = await ask(app, "/api/runs", (*hosts, ("authorization", f"Bearer {token}")))
    assert status == 400
    assert b"host_unclear" in body


def test_an_allowed_name_is_served(client: TestClient, bearer: dict[str, str]) -> None:
    assert client.get("/api/runs", headers={**bearer, "Host": "kyros.example"}).text == "secret"


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "https://localhost:8000", "http://localhost:3000", "null"]
)
def test_a_foreign_page_is_refused_even_with_a_token(
    client: TestClient, bearer: dict[str, str], origin: str
) -> None:
    for path in ("/", "/healthz", "/api/runs"):
        answer = client.get(path, headers={**bearer, "Origin": origin})
        assert (answer.status_code, answer.json()["code"]) == (403, "origin_refused")


@pytest.mark.parametrize("origin", ["http://localhost:8000", "https://board.example"])
def test_the_own_and_the_allowed_origins_are_accepted(
    client: TestClient, bearer: dict[str, str], origin: str
) -> None:
    assert client.get("/api/runs", headers={**bearer, "Origin": origin}).text == "secret"


def test_a_socket_without_a_token_is_denied(client: TestClient) -> None:
    with (
        pytest.raises(WebSocketDenialResponse) as denied,
        client.websocket_connect("ws://localhost:8000/api/attach"),
    ):
        pass
    assert denied.value.status_code == 401


def test_a_socket_needs_a_token_on_public_paths_too(client: TestClient) -> None:
    with (
        pytest.raises(WebSocketDenialResponse) as denied,
        client.websocket_connect("ws://localhost:8000/healthz"),
    ):
        pass
    assert denied.value.status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"), [({"Origin": "http://evil.example"}, 403), ({"Host": "evil.example"}, 421)]
)
def test_a_hijacked_socket_is_denied(
    client: TestClient, bearer: dict[str, str], headers: dict[str, str], status: int
) -> None:
    with (
        pytest.raises(WebSocketDenialResponse) as denied,
        client.websocket_connect("ws://localhost:8000/api/attach", headers={**bearer, **headers}),
    ):
        pass
    assert denied.value.status_code == status


def test_a_socket_with_a_token_and_the_own_origin_is_let_in(
    client: TestClient, bearer: dict[str, str]
) -> None:
    headers = {**bearer, "Host": "localhost:8000", "Origin": "http://localhost:8000"}
    with client.websocket_connect("ws://localhost:8000/api/attach", headers=headers) as socket:
        assert socket.receive_text() == "hello operator"


@pytest.mark.parametrize("protocols", ["kyros.bearer.{}", "other, kyros.bearer.{}", "kyros.bearer.{},other"])
def test_a_browser_brings_its_token_among_the_protocols(
    client: TestClient, token: str, protocols: str
) -> None:
    headers = {"Sec-WebSocket-Protocol": protocols.format(token)}
    with client.websocket_connect("ws://localhost:8000/api/attach", headers=headers) as socket:
        assert socket.receive_text() == "hello operator"


@pytest.mark.parametrize(
    "protocols", ["kyros.bearer.wrong", "kyros.bearer.", "kyros.bearer.{0}, kyros.bearer.{0}", "bearer.{0}"]
)
def test_a_socket_with_a_protocol_that_is_no_token_is_denied(
    client: TestClient, token: str, protocols: str
) -> None:
    with (
        pytest.raises(WebSocketDenialResponse) as denied,
        client.websocket_connect(
            "ws://localhost:8000/api/attach", headers={"Sec-WebSocket-Protocol": protocols.format(token)}
        ),
    ):
        pass
    assert denied.value.status_code == 401


async def test_a_request_brings_no_token_as_a_protocol(app: ASGIApp, token: str) -> None:
    status, _ = await ask(app, "/api/runs", (LOCAL, ("sec-websocket-protocol", f"kyros.bearer.{token}")))
    assert status == 401


async def test_a_socket_is_closed_where_the_server_cannot_deny_in_words(app: ASGIApp) -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"host", b"localhost")]
    await app({"type": "websocket", "scheme": "ws", "path": "/api/attach", "headers": headers}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008, "reason": "unauthenticated"}]


def test_a_body_too_long_by_its_own_word_is_refused_unread(
    client: TestClient, bearer: dict[str, str]
) -> None:
    answer = client.post("/api/echo", headers=bearer, content=b"x" * 1_001)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert answer.json()["limit_bytes"] == 1_000
    assert client.post("/api/slurp", headers=bearer, content=b"x" * 1_000).json() == 1_000


@pytest.mark.parametrize("path", ["/api/echo", "/api/slurp"])
async def test_a_body_that_grows_too_long_is_refused_whatever_the_route_makes_of_it(
    app: ASGIApp, token: str, path: str
) -> None:
    headers = (LOCAL, ("authorization", f"Bearer {token}"), ("transfer-encoding", "chunked"))
    status, body = await ask(app, path, headers, "POST", [b"x" * 400] * 3)
    assert status == 413
    assert b"body_too_large" in body
    assert (await ask(app, "/api/slurp", headers, "POST", [b"x" * 400] * 2))[0] == 200


async def test_a_lying_content_length_does_not_help(app: ASGIApp, token: str) -> None:
    headers = (LOCAL, ("authorization", f"Bearer {token}"), ("content-length", "10"))
    assert (await ask(app, "/api/slurp", headers, "POST", [b"x" * 5_000]))[0] == 413


@pytest.mark.parametrize("length", ["1001", "9" * 5_000, "1000, 9999"])
async def test_a_monstrous_content_length_never_crashes(app: ASGIApp, token: str, length: str) -> None:
    headers = (LOCAL, ("authorization", f"Bearer {token}"), ("content-length", length))
    status, _ = await ask(app, "/api/slurp", headers, "POST", [b"x" * 5_000])
    assert status == 413


def test_a_stranger_learns_nothing_of_limits(client: TestClient) -> None:
    assert client.post("/api/slurp", content=b"x" * 5_000).status_code == 401


async def test_a_stream_passes_piece_by_piece(app: ASGIApp, token: str) -> None:
    first = anyio.Event()
    body: list[bytes] = []

    async def receive() -> Message:
        await first.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        body.append(message.get("body", b""))
        if body[-1]:
            first.set()

    headers = [(b"host", b"localhost"), (b"authorization", f"Bearer {token}".encode())]
    scope = {"type": "http", "method": "GET", "scheme": "http", "path": "/api/ticks", "headers": headers}
    with anyio.fail_after(10):
        await app({**scope, "query_string": b"", "raw_path": b"/api/ticks"}, receive, send)
    assert b"data: 1\n\n" in body


async def test_the_callers_state_is_not_shared_between_requests(app: ASGIApp, token: str) -> None:
    state: dict[str, Any] = {}
    headers = (LOCAL, ("authorization", f"Bearer {token}"))
    assert (await ask(app, "/api/auth/me", headers, state=state))[0] == 200
    assert state == {}


def test_a_socket_refused_is_not_a_crash(client: TestClient) -> None:
    with (
        pytest.raises((WebSocketDenialResponse, WebSocketDisconnect)),
        client.websocket_connect("ws://localhost:8000/nowhere"),
    ):
        pass
    assert client.get("/healthz").status_code == 200
