"""Plain routes are called straight, with what FastAPI would call them with; all else is left to it."""

from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Header, Path, Query, Request
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


async def refuse() -> None:
    raise Conflict("Not yours.")


def closed(app: FastAPI, where: str) -> None:
    """A route that a dependency without a name closes, declared on the route, its router or its inclusion."""
    guards = {name: [Depends(refuse)] if name == where else [] for name in ("route", "router", "inclusion")}
    router = APIRouter(dependencies=guards["router"])

    @router.get("/closed", dependencies=guards["route"])
    async def inside() -> Response:
        return JSONResponse("inside")

    app.include_router(router, dependencies=guards["inclusion"])


@pytest.mark.parametrize("where", ["route", "router", "inclusion"])
def test_no_door_leads_past_a_dependency_without_a_name(app: FastAPI, left: Left, where: str) -> None:
    closed(app, where)
    open_doors(app)
    with TestClient(app) as client:
        assert client.get("/closed").status_code == 409
    assert left.times == 1


async def with_body(body: Wish) -> str:
    return body.title


def odd_routes() -> APIRouter:
    """What a door does not understand as FastAPI does."""
    router = APIRouter()

    @router.post("/two")
    async def two(one: Wish, other: Wish) -> Response:
        return JSONResponse([one.title, other.title])

    @router.post("/twice")
    async def twice(one: Wish, other: Annotated[str, Depends(with_body)]) -> Response:
        return JSONResponse([one.title, other])

    @router.get("/least/{number}")
    async def least(number: int = Path(ge=10)) -> Response:
        return JSONResponse(number)

    @router.get("/typed/{number:int}")
    async def typed() -> Response:
        return JSONResponse("typed")

    @router.get("/spelled")
    async def spelled(x_y: Annotated[str | None, Header(convert_underscores=False)] = None) -> Response:
        return JSONResponse(x_y)

    @router.get("/listed")
    async def listed(x: Annotated[list[str], Header()] = []) -> Response:  # noqa: B006
        return JSONResponse(x)

    return router


def test_what_fastapi_does_in_ways_of_its_own_is_not_plain(app: FastAPI) -> None:
    app.include_router(odd_routes())
    doors = open_doors(app)
    for method, path in (
        ("POST", "/two"), ("POST", "/twice"), ("GET", "/least/3"), ("GET", "/typed/abc"), ("GET", "/typed/3"),
        ("GET", "/spelled"), ("GET", "/listed"),
    ):  # fmt: skip
        assert doors.find(method, path) is None, path


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
