"""Fields and addresses that are out of bounds: refused by name, and nothing has changed."""

from typing import Any

import httpx2
import pytest

from tests.integration.hostile.conftest import TASK, Callers
from tests.integration.hostile.rooms import Rooms

YEAR_SECONDS = 365 * 24 * 3_600
TASKS = "/api/collab/tasks"
ACQUIRE = "/api/collab/leases/acquire"
AGENTS = "/api/collab/agents"
EVENTS = "/api/collab/events"
Body = dict[str, Any]


def task(**fields: Any) -> Body:
    return {"title": "Add a board", "project_id": "app", **fields}


def lease(**fields: Any) -> Body:
    return {"resource": "mine", "ttl_seconds": 60, **fields}


OUT_OF_BOUNDS: list[tuple[str, Body, str]] = [
    *(
        (TASKS, task(title=title), "title")
        for title in ("", "  ", "x" * 201, "a\nb", "a\x1b[31mb", "\u202eb", 7)
    ),
    (TASKS, task(objective="x" * 50_001), "objective"),
    (TASKS, task(priority="whenever"), "priority"),
    (TASKS, task(labels=["x"] * 21), "labels"),
    (TASKS, task(labels=["a\x07"]), "labels[0]"),
    (TASKS, task(depends_on=["../T-1"]), "depends_on[0]"),
    (TASKS, task(project_id="../app"), "project_id"),
    (TASKS, task(assignee="a b"), "assignee"),
    (TASKS, task(estimate_minutes=-1), "estimate_minutes"),
    (TASKS, task(budget={"usd": -1}), "budget.usd"),
    (TASKS, task(budget={"tokens": 1.5}), "budget.tokens"),
    (TASKS, task(colour="red"), "colour"),
    (TASKS, task(id="T-0"), "id"),
    *((ACQUIRE, lease(ttl_seconds=ttl), "ttl_seconds") for ttl in (-1, 0, YEAR_SECONDS, "soon", None)),
    *((ACQUIRE, lease(wait_seconds=wait), "wait_seconds") for wait in (-1, 3_600)),
    (ACQUIRE, lease(holder="olga"), "holder"),
    (ACQUIRE, lease(resources=[f"r{number}" for number in range(1_000)]), "resources"),
    (AGENTS, {"name": "../bob"}, "name"),
    (AGENTS, {"name": "x", "skills": ["a\rb"]}, "skills[0]"),
    (EVENTS, {"event": "x" * 1_000, "target": "T-1", "details": {}}, "event"),
    (EVENTS, {"event": "greeted", "target": "T-1", "details": {}, "actor": "olga"}, "actor"),
]


@pytest.mark.parametrize(("path", "body", "field"), OUT_OF_BOUNDS)
async def test_a_field_out_of_bounds_is_named_and_changes_nothing(
    rooms: Rooms, client: httpx2.AsyncClient, callers: Callers, path: str, body: Body, field: str
) -> None:
    before = await rooms.state()
    answer = await client.post(path, json=body)
    assert answer.status_code == 422, answer.text
    assert field in answer.json()["detail"], answer.text
    assert await rooms.state() == before


@pytest.mark.parametrize(
    "resource",
    [
        "",
        "path:app/../../etc/passwd",
        "path:app//etc",
        "path:../x",
        "a\x1f",
        "x" * 1_000,
        "task:",
    ],
)
async def test_a_resource_that_leaves_its_place_is_refused(
    rooms: Rooms, client: httpx2.AsyncClient, callers: Callers, resource: str
) -> None:
    before = await rooms.state()
    answer = await client.post(ACQUIRE, json=lease(resource=resource))
    assert answer.status_code == 422, answer.text
    assert await rooms.state() == before


@pytest.mark.parametrize(
    "name",
    ["..%2f..%2foperator.token", "%2e%2e%2fT-1", "..", "T-1%2f..%2fT-1", "%252e%252e", "T-1;x", "T-1%20"],
)
async def test_an_id_that_climbs_finds_nothing(
    rooms: Rooms, client: httpx2.AsyncClient, callers: Callers, name: str
) -> None:
    before = await rooms.state()
    for room in ("collab/tasks", "collab/agents", "auth/people", "keys", "runs", "pulls", "projects"):
        for method in ("GET", "PATCH", "DELETE"):
            url = httpx2.URL(f"http://localhost/api/{room}/{name}")
            answer = await client.request(method, url, json={}, headers={"If-Match": "*"})
            assert answer.status_code in (404, 405, 422), (method, str(url), answer.text)
            assert "root:" not in answer.text
    assert await rooms.state() == before


async def test_control_characters_in_an_address_are_refused(
    rooms: Rooms, client: httpx2.AsyncClient, callers: Callers
) -> None:
    before = await rooms.state()
    for route in rooms.routes("/api/collab", "/api/auth", "/api/keys"):
        answer = await client.request(route.method, f"{route.address}%00")
        assert (answer.status_code, answer.json()["code"]) == (400, "address_refused"), str(route)
        answer = await client.request(route.method, f"{route.address}?q=%1b")
        assert (answer.status_code, answer.json()["code"]) == (400, "address_refused"), str(route)
    assert await rooms.state() == before


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=-1",
        "limit=1000000",
        "limit=x",
        "colour=red",
    ],
)
async def test_a_page_out_of_bounds_is_refused(
    client: httpx2.AsyncClient, callers: Callers, query: str
) -> None:
    for path in (TASKS, AGENTS, "/api/collab/leases", EVENTS):
        answer = await client.get(f"{path}?{query}")
        assert answer.status_code == 422, (path, answer.text)


@pytest.mark.parametrize("cursor", ["../../x", "%F0%9F%9A%80", "T-1' OR 1=1", "-1"])
async def test_a_cursor_that_nobody_gave_out_is_refused(
    client: httpx2.AsyncClient, callers: Callers, cursor: str
) -> None:
    for path in (TASKS, AGENTS, EVENTS):
        answer = await client.get(f"{path}?cursor={cursor}")
        assert answer.status_code == 422, (path, answer.text)


@pytest.mark.parametrize(
    "header", ["", ",", "garbage", '"', 'W/"1-0000000000000000"', '"' + "x" * 3_000 + '"']
)
async def test_a_version_that_is_none_changes_nothing(
    rooms: Rooms, client: httpx2.AsyncClient, callers: Callers, header: str
) -> None:
    before = await rooms.state()
    for path in (TASK, f"{AGENTS}/bob"):
        answer = await client.patch(path, json={}, headers={"If-Match": header})
        assert answer.status_code in (412, 422, 428), answer.text
    assert await rooms.state() == before


async def test_an_idempotency_key_is_one_callers_own_and_bounded(
    rooms: Rooms, client: httpx2.AsyncClient, callers: Callers
) -> None:
    key = {"Idempotency-Key": "k"}
    mine = await client.post(TASKS, json=task(), headers=key)
    async with rooms.client(callers.eve) as eve:
        hers = await eve.post(TASKS, json=task(), headers=key)
    assert mine.json()["id"] != hers.json()["id"]
    before = await rooms.state()
    other = await client.post(TASKS, json=task(title="Another"), headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    long = await client.post(TASKS, json=task(), headers={"Idempotency-Key": "k" * 201})
    assert long.status_code == 422
    assert await rooms.state() == before
