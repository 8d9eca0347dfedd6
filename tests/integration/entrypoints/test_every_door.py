"""Every route of the server: a door leads where FastAPI's own walk would."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.routing import RouteContext, iter_route_contexts

from kyros.entrypoints.doors import Doors
from kyros.entrypoints.server import build_app
from tests.houses import opened

pytestmark = pytest.mark.anyio

STRAIGHT = {
    ("GET", "/api/collab/tasks/{task_id}"),
    ("POST", "/api/collab/tasks"),
    ("PATCH", "/api/collab/tasks/{task_id}"),
    ("POST", "/api/collab/tasks/{task_id}/transition"),
    ("POST", "/api/collab/leases/acquire"),
    ("POST", "/api/collab/leases/{lock_id}/heartbeat"),
    ("POST", "/api/collab/leases/{lock_id}/release"),
    ("POST", "/api/collab/events"),
}
"""What agents call all the time must stay plain."""


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[FastAPI]:
    async with opened(tmp_path / "home") as house:
        yield build_app(house)


def chosen(app: FastAPI, method: str, path: str) -> RouteContext:
    """The first that matches, as FastAPI walks."""
    return next(
        route
        for route in iter_route_contexts(app.routes)
        if method in (route.methods or ()) and re.match(route.path_regex, path)
    )


async def test_each_leads_where_fastapi_would_go(app: FastAPI) -> None:
    doors = app.router.middleware_stack
    assert isinstance(doors, Doors)
    straight = set[tuple[str, str]]()
    for route in iter_route_contexts(app.routes):
        for method in route.methods or ():
            declared = route.path or ""
            path = re.sub(r"{(\w+)(:\w+)?}", "some-\\1", declared)
            found = doors.find(method, path)
            if found is None:
                continue
            door, values = found
            straight.add((method, declared))
            assert door.function is chosen(app, method, path).endpoint, (method, declared)
            assert values == {name: f"some-{name}" for name in re.findall(r"{(\w+)}", declared)}
    assert straight >= STRAIGHT
