"""Errors as problems over HTTP and as exit codes: each kind mapped once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import pytest
from fastapi import FastAPI, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.testclient import TestClient

from kyros.auth.errors import BodyTooLarge, HostRefused, HostUnclear, OriginRefused, Unauthenticated
from kyros.collab.errors import LeaseHeld, TaskNotFound
from kyros.entrypoints import problems
from kyros.entrypoints.exit_codes import Exit, exit_of, exit_of_status
from kyros.kernel.errors import (
    Busy,
    Conflict,
    Denied,
    DiskFull,
    Invalid,
    KyrosError,
    NotFound,
    Stale,
    Upstream,
)

KINDS: list[tuple[type[KyrosError], int, Exit]] = [
    (NotFound, 404, Exit.NOT_FOUND),
    (Conflict, 409, Exit.REFUSED),
    (Stale, 412, Exit.REFUSED),
    (Invalid, 422, Exit.REFUSED),
    (Denied, 403, Exit.REFUSED),
    (Busy, 503, Exit.FAILED),
    (Upstream, 502, Exit.FAILED),
    (DiskFull, 507, Exit.FAILED),
    (Unauthenticated, 401, Exit.REFUSED),
    (HostUnclear, 400, Exit.REFUSED),
    (HostRefused, 421, Exit.REFUSED),
    (OriginRefused, 403, Exit.REFUSED),
    (BodyTooLarge, 413, Exit.REFUSED),
    (TaskNotFound, 404, Exit.NOT_FOUND),
    (LeaseHeld, 409, Exit.REFUSED),
    (KyrosError, 500, Exit.FAILED),
]


class Size(BaseModel):
    metres: Annotated[int, Field(strict=True)]


class Wish(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: Annotated[str, Field(min_length=1, max_length=5)]
    criteria: Annotated[list[str], Field(max_length=2)] = []
    urgent: bool = False
    size: Size | None = None


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI(responses=problems.DOCUMENTED)
    problems.install(app)

    @app.post("/wishes")
    async def wish(wish: Wish) -> str:
        return wish.title

    @app.get("/wishes")
    async def wishes(limit: Annotated[int, Query(ge=1, le=10)] = 5) -> int:
        return limit

    @app.get("/held")
    async def held() -> None:
        raise LeaseHeld("It is held.", resource="task:T-1", retry_after_ms=5, path=Path("/x"), status=200)

    @app.get("/crash")
    async def crash() -> None:
        raise ZeroDivisionError("the secret inside")

    return app


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.mark.parametrize(("kind", "status", "code"), KINDS)
def test_every_kind_has_its_status_and_its_exit_code(kind: type[KyrosError], status: int, code: Exit) -> None:
    error = kind("No.")
    answer = problems.answer(error)
    assert answer.status_code == status
    assert answer.media_type == "application/problem+json"
    assert exit_of(error) is code
    assert exit_of_status(status) is code


def test_what_went_well_exits_with_0() -> None:
    assert [exit_of_status(status) for status in (200, 201, 304)] == [Exit.DONE] * 3


def test_busy_says_when_to_come_back_and_unauthenticated_how_to_sign_in() -> None:
    assert problems.answer(Busy("Later.")).headers["retry-after"] == "2"
    assert problems.answer(Busy("Later.", retry_after_seconds=30)).headers["retry-after"] == "30"
    assert problems.answer(Unauthenticated("Who?")).headers["www-authenticate"] == "Bearer"


def test_a_problem_has_the_standard_members_and_its_facts(client: TestClient) -> None:
    answer = client.get("/held")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "detail": "It is held.",
        "code": "lease_held",
        "resource": "task:T-1",
        "retry_after_ms": 5,
        "path": "/x",
    }


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({}, "title", "is missing"),
        ({"title": "a", "colour": 1}, "colour", "is not a known field"),
        ({"title": "abcdef"}, "title", "is too long (at most 5 characters)"),
        ({"title": ""}, "title", "is too short (at least 1)"),
        ({"title": 7}, "title", "must be text"),
        ({"title": "a", "criteria": ["x", 3]}, "criteria[1]", "must be text"),
        ({"title": "a", "criteria": ["x"] * 3}, "criteria", "has too many entries (at most 2)"),
        ({"title": "a", "criteria": "x"}, "criteria", "must be a list"),
        ({"title": "a", "urgent": "maybe"}, "urgent", "must be true or false"),
        ({"title": "a", "size": 5}, "size", "must be an object"),
        ({"title": "a", "size": {"metres": True}}, "size.metres", "must be a whole number"),
    ],
)
def test_an_invalid_field_is_named_in_plain_words(
    client: TestClient, body: object, field: str, message: str
) -> None:
    answer = client.post("/wishes", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["detail"] == f"{field} {message}."
    assert answer.json()["errors"] == [{"field": field, "message": message}]


def test_all_faults_are_named_and_no_value_is_repeated(client: TestClient) -> None:
    answer = client.post(
        "/wishes", json={"token": "hunter2", "urgent": "hunter2"}
    )  # pragma: allowlist secret
    assert {fault["field"] for fault in answer.json()["errors"]} == {"title", "token", "urgent"}
    assert "hunter2" not in answer.text


def test_a_query_field_is_named_too(client: TestClient) -> None:
    assert client.get("/wishes", params={"limit": 0}).json()["detail"] == "limit must be at least 1."
    assert client.get("/wishes", params={"limit": "x"}).json()["detail"] == "limit must be a whole number."


@pytest.mark.parametrize("content", [b"{", b"not json", b"{'a': 1}", b'{"title": "a"} x'])
def test_malformed_json_is_a_bad_request(client: TestClient, content: bytes) -> None:
    answer = client.post("/wishes", content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")
    assert "not JSON" in answer.json()["detail"]


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\xfd", b"[" * 200_000, b'{"title": "\\ud800"}', b"", b"null", b"[]"]
)
def test_no_body_crashes_the_door(client: TestClient, content: bytes) -> None:
    answer = client.post("/wishes", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.json()["detail"]


def test_unknown_routes_and_methods_are_problems(client: TestClient) -> None:
    nothing = client.get("/nowhere")
    assert (nothing.status_code, nothing.json()["code"]) == (404, "not_found")
    assert nothing.json()["detail"] == "There is nothing at /nowhere."
    wrong = client.delete("/held")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
    assert wrong.json()["detail"] == "DELETE is not possible at /held."
    assert wrong.headers["allow"] == "GET"


def test_a_defect_shows_an_id_and_no_trace_and_the_log_has_both(client: TestClient, server_log: Path) -> None:
    answer = client.get("/crash")
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (500, "internal")
    assert problem["request_id"] in problem["detail"]
    assert "secret inside" not in answer.text
    assert "Traceback" not in answer.text
    logged = server_log.read_text()
    assert problem["request_id"] in logged
    assert "Traceback" in logged


def test_the_api_description_names_the_problem_and_not_the_frameworks_error(app: FastAPI) -> None:
    schemas = app.openapi()["components"]["schemas"]
    assert "Problem" in schemas
    assert "HTTPValidationError" not in schemas
