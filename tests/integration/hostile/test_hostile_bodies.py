"""Bodies that are no request: every writing route of collab and auth refuses them and changes nothing."""

import json
from typing import Any

import httpx2
import pytest

from tests.integration.hostile.conftest import Callers
from tests.integration.hostile.rooms import Rooms

ROOMS = ("/api/collab", "/api/auth", "/api/keys")
JSON = {"Content-Type": "application/json", "If-Match": "*"}
BROKEN: dict[str, tuple[bytes, int, str]] = {
    "broken JSON": (b'{"title": "x"', 400, "malformed_json"),
    "no JSON at all": (b"title=x", 400, "malformed_json"),
    "invalid UTF-8": (b'{"title": "\xff\xfe"}', 400, "malformed_json"),
    "UTF-16": ('{"title": "x"}'.encode("utf-16"), 400, "malformed_json"),
    "a lone surrogate": (b'{"title": "\\ud800"}', 400, "malformed_json"),
    "not a number": (b'{"ttl_seconds": NaN}', 400, "malformed_json"),
    "a NUL byte": (b'{"title": "a\x00b"}', 400, "malformed_json"),
    "an escaped NUL": (b'{"title": "a\\u0000b"}', 422, "json_refused"),
    "a repeated name": (b'{"title": "x", "title": "y"}', 422, "json_refused"),
    "deep nesting": (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, 422, "json_refused"),
    "an endless number": (b'{"ttl_seconds": 1' + b"0" * 5_000 + b"}", 400, "malformed_json"),
    "a number beyond 64 bits": (b'{"ttl_seconds": 18446744073709551616}', 422, "json_refused"),
    "10 MB": (b'{"title": "' + b"x" * 10_000_000 + b'"}', 413, "body_too_large"),
}


def code(answer: httpx2.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"]


@pytest.mark.parametrize("case", BROKEN)
async def test_a_body_that_is_no_request_changes_nothing_anywhere(
    rooms: Rooms, client: httpx2.AsyncClient, callers: Callers, case: str
) -> None:
    body, *refusal = BROKEN[case]
    before = await rooms.state()
    routes = [route for route in rooms.routes(*ROOMS) if route.takes_body]
    assert len(routes) > 15
    for route in routes:
        answer = await client.request(route.method, route.address, content=body, headers=JSON)
        assert code(answer) == tuple(refusal), (str(route), answer.text)
    assert await rooms.state() == before


@pytest.mark.parametrize("body", [[], "text", 7, True, {"no_such_field": 1}, {"title": {"a": [1]}}])
async def test_a_body_of_the_wrong_shape_changes_nothing_anywhere(
    rooms: Rooms, client: httpx2.AsyncClient, callers: Callers, body: Any
) -> None:
    before = await rooms.state()
    for route in rooms.routes(*ROOMS):
        if route.takes_body:
            answer = await client.request(route.method, route.address, content=json.dumps(body), headers=JSON)
            assert answer.status_code in (404, 422), (str(route), answer.text)
            assert answer.json()["detail"].endswith((".", "`")), answer.text
    assert await rooms.state() == before


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
async def test_a_body_of_another_kind_changes_nothing_anywhere(
    rooms: Rooms, client: httpx2.AsyncClient, callers: Callers, headers: dict[str, str]
) -> None:
    before = await rooms.state()
    for route in rooms.routes(*ROOMS):
        if route.takes_body:
            answer = await client.request(route.method, route.address, content=b"{}", headers=headers)
            assert code(answer) == (415, "media_type_refused"), str(route)
    assert await rooms.state() == before
