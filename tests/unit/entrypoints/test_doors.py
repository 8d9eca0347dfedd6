"""Plain routes are called straight, with what FastAPI would call them with; all else is left to it."""

from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Header, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from kyros.entrypoints import problems
from kyros.entrypoints.doors import Doors, open_doors
from kyros.kernel.errors import Conflict


class Wish(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: Annotated[str, Field(max_length=5)]
    often: int = 1


async def who(request: Request, name: Annotated[str, Header(alias="X-Name", max_length=5)] = "nobody") -> str:
    return f"{name} {request.method} {len(await request.body())}"


Who = Annotated[str, Depends(who)]


def wishes() -> APIRouter:
    router = APIRouter(prefix="/wishes")

    @router.get("")
    async def listed(limit: Annotated[int, Query(ge=1)] = 5) -> Response:
        return JSONResponse(limit)

    @router.get("/best")
    async def best() -> Response:
        return JSONResponse("best")

    @router.post("/{number}")
    async def wish(
        number: int, body: Wish, caller: Who, if_match: Annotated[str | None, Header()] = None
    ) -> Response:
        return JSONResponse([number, body.model_dump(), caller, if_match])

    @router.get("/{number}")
    async def one(number: int, caller: Who) -> Response:
        if number == 13:
            raise Conflict("Not that one.")
        return JSONResponse([number, caller])

    @router.get("/{number}/view")
    async def view(number: int) -> Wish:
        return Wish(title="seen")

    @router.get("/{number}/file/{path:path}")
    async def file(number: int, path: str) -> Response:
        return JSONResponse([number, path])

    return router


class Left:
    """FastAPI's router, and how often it was asked."""

    def __init__(self, router: ASGIApp) -> None:
        self.router, self.times = router, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.times += 1
        await self.router(scope, receive, send)


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI()
    app.include_router(wishes())
    problems.install(app)
    app.router.middleware_stack = Left(app.router.middleware_stack)
    return app


@pytest.fixture
def left(app: FastAPI) -> Left:
    found = app.router.middleware_stack
    assert isinstance(found, Left)
    return found


@pytest.fixture
def slow(app: FastAPI) -> Iterator[TestClient]:
    """The same app without doors."""
    plain = FastAPI()
    plain.include_router(wishes())
    problems.install(plain)
    with TestClient(plain) as client:
        yield client


@pytest.fixture
def client(app: FastAPI, left: Left) -> Iterator[TestClient]:
    open_doors(app)
    with TestClient(app) as client:
        yield client


Asked = tuple[str, str, dict[str, Any]]
STRAIGHT: list[Asked] = [
    ("POST", "/wishes/7", {"json": {"title": "more"}}),
    ("POST", "/wishes/7", {"json": {"title": "more", "often": "3"}, "headers": {"If-Match": '"1"'}}),
    ("POST", "/wishes/%37", {"json": {"title": "más"}}),
    ("GET", "/wishes/7", {}),
    ("GET", "/wishes/7?unknown=1", {"headers": {"x-name": "ada"}}),
    ("GET", "/wishes/best", {}),
    ("GET", "/wishes/13", {}),
]  # fmt: skip
LEFT: list[Asked] = [
    ("POST", "/wishes/7", {"json": {"title": "too long"}}),
    ("POST", "/wishes/7", {"json": {"title": "more", "other": 1}}),
    ("POST", "/wishes/7", {"json": [1]}),
    ("POST", "/wishes/7", {}),
    ("POST", "/wishes/x", {"json": {"title": "more"}}),
    ("POST", "/wishes/7", {"json": {"title": "more"}, "headers": {"X-Name": "somebody"}}),
    ("GET", "/wishes/7", {"headers": [("X-Name", "ada"), ("X-Name", "bea")]}),
    ("GET", "/wishes/x", {}),
    ("GET", "/wishes", {}),
    ("GET", "/wishes?limit=0", {}),
    ("GET", "/wishes/7/view", {}),
    ("GET", "/wishes/7/file/a", {}),
    ("GET", "/wishes/7/file/a/b", {}),
    ("GET", "/wishes/7/nothing", {}),
    ("GET", "/wishes/7/", {"follow_redirects": False}),
    ("GET", "/wishes//7", {}),
    ("HEAD", "/wishes/7", {}),
    ("DELETE", "/wishes/7", {}),
    ("GET", "/", {}),
]


@pytest.mark.parametrize("asked", STRAIGHT, ids=repr)
def test_what_is_plain_goes_straight_and_reads_the_same(
    asked: Asked, client: TestClient, slow: TestClient, left: Left
) -> None:
    method, path, rest = asked
    straight, expected = client.request(method, path, **rest), slow.request(method, path, **rest)
    assert (straight.status_code, straight.json()) == (expected.status_code, expected.json())
    assert left.times == 0


@pytest.mark.parametrize("asked", LEFT, ids=repr)
def test_all_else_is_left_to_fastapi_with_its_body(
    asked: Asked, client: TestClient, slow: TestClient, left: Left
) -> None:
    method, path, rest = asked
    found, expected = client.request(method, path, **rest), slow.request(method, path, **rest)
    assert (found.status_code, found.text) == (expected.status_code, expected.text)
    assert left.times == 1


def test_below_a_prefix_of_a_proxy_fastapi_finds_the_way(app: FastAPI, left: Left) -> None:
    open_doors(app)
    with TestClient(app, root_path="/kyros") as client:
        assert client.get("/kyros/wishes/7").json() == [7, "nobody GET 0"]
    assert left.times == 1


def test_of_two_routes_for_one_path_the_first_counts(app: FastAPI) -> None:
    @app.get("/wishes/{anything}")
    async def later(anything: str) -> Response:
        return JSONResponse("later")

    open_doors(app)
    with TestClient(app) as client:
        assert client.get("/wishes/7").json() == [7, "nobody GET 0"]


def test_a_door_that_was_not_found_is_no_door(app: FastAPI) -> None:
    doors = open_doors(app)
    assert isinstance(doors, Doors)
    assert doors.find("GET", "/wishes/7") is not None
    for path in ("", "/", "/wishes/", "/wishes/{number}/x", "wishes/7"):
        assert doors.find("GET", path) is None
