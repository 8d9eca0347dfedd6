"""Callers who are not who they say, or may not what they try: refused, noted in the log, nothing changed."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import jwt
import pytest

from kyros.events.model import EventFilter
from tests.integration.hostile.conftest import TASK, Callers, furnish, key, made
from tests.integration.hostile.rooms import Rooms, Route, open_rooms

ACQUIRE = "/api/collab/leases/acquire"
PEOPLE = "/api/auth/people"
PASSWORD = "correct horse battery staple"
OWN = {"/api/auth/password", "/api/auth/login", "/api/auth/refresh", "/api/auth/logout"}
"""Everybody's, about themselves alone."""


def code(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def refused_everywhere(rooms: Rooms, token: str) -> None:
    """Every route of the API answers 401."""
    async with rooms.client(token) as caller:
        for route in rooms.routes("/api/"):
            if route.path not in OWN:
                answer = await caller.request(route.method, route.address, json={})
                assert code(answer) == (401, "unauthenticated"), str(route)


@pytest.mark.parametrize(
    "token",
    ["x", "kyros_" + "A" * 43, "kyros_agent_" + "A" * 43, "kyros_key_" + "A" * 43, "a.b.c", "\xff" * 20],
)
async def test_a_forged_token_gets_nowhere(rooms: Rooms, callers: Callers, token: str) -> None:
    before = await rooms.state()
    async with rooms.client("") as caller:
        header = {"Authorization": f"Bearer {token}".encode("latin-1")}
        for route in rooms.routes("/api/"):
            if route.path not in OWN:
                answer = await caller.request(route.method, route.address, json={}, headers=header)
                assert code(answer) == (401, "unauthenticated"), str(route)
    assert await rooms.state() == before


async def test_tokens_of_another_home_get_nowhere(rooms: Rooms, callers: Callers, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir(mode=0o700)
    async with open_rooms(tmp_path / "other") as other, other.client() as client:
        agent = (await made(client, "/api/collab/agents", {"name": "bob"}))["token"]
        foreign = [other.token, agent, await key(client, "theirs", role="admin")]
        await made(client, PEOPLE, {"name": "ann", "password": PASSWORD, "role": "admin"})
        foreign.append(await signed_in(client, "ann"))
    before = await rooms.state()
    for token in foreign:
        await refused_everywhere(rooms, token)
    assert await rooms.state() == before


async def signed_in(client: httpx2.AsyncClient, name: str) -> str:
    body = {"name": name, "password": PASSWORD, "transport": "body"}
    answer = await client.post("/api/auth/login", json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


async def test_an_expired_or_altered_access_token_gets_nowhere(
    rooms: Rooms, client: httpx2.AsyncClient, callers: Callers
) -> None:
    await made(client, PEOPLE, {"name": "ann", "password": PASSWORD, "role": "admin"})
    token = await signed_in(client, "ann")
    secret, kid = signing_key(rooms), jwt.get_unverified_header(token)["kid"]
    claims = jwt.decode(token, options={"verify_signature": False})
    past = int((datetime.now(UTC) - timedelta(seconds=1)).timestamp())
    forged = [
        jwt.encode(claims | {"exp": past}, secret, "HS256", headers={"kid": kid}),
        jwt.encode(claims, secret + b"x", "HS256", headers={"kid": kid}),
        jwt.encode(claims, None, "none", headers={"kid": kid}),
        jwt.encode(claims | {"aud": "elsewhere"}, secret, "HS256", headers={"kid": kid}),
        jwt.encode(claims | {"sub": "operator"}, secret, "HS256", headers={"kid": kid}),
    ]
    async with rooms.client(jwt.encode(claims, secret, "HS256", headers={"kid": kid})) as caller:
        assert (await caller.get("/api/auth/me")).json()["name"] == "ann"
    before = await rooms.state()
    for one in forged:
        await refused_everywhere(rooms, one)
    assert await rooms.state() == before


def signing_key(rooms: Rooms) -> bytes:
    """As the server reads it: whoever can is in the house already."""
    return rooms.house.admission.sessions._access._key.secret


@pytest.fixture
async def own_rooms(tmp_path: Path) -> AsyncIterator[Rooms]:
    """A house for one test alone."""
    (tmp_path / "own").mkdir(mode=0o700)
    async with open_rooms(tmp_path / "own") as rooms:
        yield rooms


async def test_dead_tokens_get_nowhere(own_rooms: Rooms) -> None:
    """Renewed, removed, revoked: from the next request on."""
    rooms, callers = own_rooms, await furnish(own_rooms)
    async with rooms.client() as client:
        await client.post("/api/collab/agents/bob/token")
        await client.delete("/api/collab/agents/eve")
        keys = (await client.get("/api/keys")).json()["items"]
        viewer = next(one["id"] for one in keys if one["name"] == "viewer")
        await client.delete(f"/api/keys/{viewer}")
    before = await rooms.state()
    for token in (callers.bob, callers.eve, callers.viewer):
        await refused_everywhere(rooms, token)
    assert await rooms.state() == before


async def test_a_project_taken_away_is_closed_from_the_next_request_on(own_rooms: Rooms) -> None:
    callers = await furnish(own_rooms)
    async with own_rooms.client() as client, own_rooms.client(callers.eve) as eve:
        assert (await eve.get(TASK)).status_code == 200
        change = {"projects": ["elsewhere"]}
        moved = await client.patch("/api/collab/agents/eve", json=change, headers={"If-Match": "*"})
        assert moved.status_code == 200
        assert code(await eve.get(TASK)) == (404, "task_not_found")
        body = {"title": "Mine", "project_id": "app"}
        assert code(await eve.post("/api/collab/tasks", json=body)) == (403, "not_allowed")


WRITES = ("POST", "PUT", "PATCH", "DELETE")


def writes(rooms: Rooms) -> list[Route]:
    found = [one for one in rooms.routes("/api/") if one.method in WRITES and one.path not in OWN]
    assert len(found) > 25
    return found


BODIES = {
    "/api/runs/{run_id}/budget": {"tokens": 1},
    "/api/budgets/{scope}/{key}": {"tokens": 1},
    "/api/projects/{ref}/rules": {"rules": []},
    "/api/execute": {"prompt": "Say hello.", "timeoutMs": 1_000},
    "/api/collab/tasks": {"title": "Mine", "project_id": "app"},
    "/api/collab/tasks/{task_id}": {"title": "Mine"},
    "/api/collab/tasks/{task_id}/transition": {"to": "claimed"},
    "/api/collab/agents": {"name": "mine", "projects": ["app"]},
    "/api/collab/agents/{name}": {"role": "manager"},
    "/api/collab/agents/{name}/availability": {"available": False},
    "/api/collab/leases/acquire": {"resource": "path:app/src", "ttl_seconds": 60},
    "/api/collab/events": {"event": "greeted", "target": "T-1", "details": {"project_id": "app"}},
    "/api/collab/events/human-log": {"ids": [1]},
    "/api/auth/people": {"name": "mine", "password": PASSWORD, "role": "admin"},
    "/api/auth/people/{name}": {"role": "admin"},
    "/api/auth/people/{name}/projects/{project}": {"role": "admin"},
    "/api/auth/people/{name}/password": {"password": PASSWORD},
    "/api/keys": {"name": "mine", "role": "admin", "expires_at": "2099-01-01T00:00:00Z"},
    "/api/delegations": {"title": "Mine", "project": "app"},
    "/api/projects/{ref}/settings": {"check_command": "true"},
}


@pytest.mark.parametrize("who", ["viewer", "nobody", "stranger"])
async def test_who_may_only_look_or_nothing_here_writes_nothing(
    rooms: Rooms, callers: Callers, who: str
) -> None:
    """A viewer, somebody without any right, an agent of another project; what they ask is sound."""
    before = await rooms.state()
    async with rooms.client(getattr(callers, who)) as caller:
        for route in writes(rooms):
            body = BODIES.get(route.path) if route.takes_body else None
            headers = {"If-Match": "*"}
            address = route.address.replace("lock_1", callers.lock_id)
            answer = await caller.request(route.method, address, json=body, headers=headers)
            assert answer.status_code in (403, 404), (str(route), answer.text)
    assert await rooms.state() == before


async def test_a_refusal_is_noted_in_the_log_with_the_name(own_rooms: Rooms) -> None:
    rooms, callers = own_rooms, await furnish(own_rooms)
    async with rooms.client(callers.viewer) as viewer:
        assert code(await viewer.post("/api/collab/tasks", json=BODIES["/api/collab/tasks"])) == (
            403,
            "not_allowed",
        )
    (event,) = await rooms.house.events.page(0, 100, EventFilter(event="access_refused"))
    assert event.actor == "viewer"
    assert (event.details["path"], event.details["code"]) == ("/api/collab/tasks", "not_allowed")
    assert callers.viewer not in str(event)


async def test_a_forged_holder_neither_keeps_nor_releases_nor_writes(rooms: Rooms, callers: Callers) -> None:
    before = await rooms.state()
    async with rooms.client(callers.eve) as eve:
        lock = f"/api/collab/leases/{callers.lock_id}"
        for act in ("heartbeat", "release"):
            assert code(await eve.post(f"{lock}/{act}")) == (403, "not_the_holder")
            named = await eve.post(f"{lock}/{act}", json={"holder": "bob"})
            assert named.status_code in (403, 422)
        assert code(await eve.post(ACQUIRE, json={"resource": "task:T-1", "ttl_seconds": 60})) == (
            409,
            "lease_held",
        )
        assert code(await eve.post("/api/collab/leases/reclaim")) == (403, "not_allowed")
        move = await eve.post(f"{TASK}/transition", json={"to": "claimed"})
        assert code(move) == (409, "lease_held")
        fenced = await eve.post(f"{TASK}/transition", json={"to": "claimed", "fencing_token": 1})
        assert code(fenced) == (409, "fencing_token_stale")
        patch = await eve.patch(TASK, json={"title": "Mine"}, headers={"If-Match": "*"})
        assert code(patch) == (409, "lease_held")
    assert await rooms.state() == before


async def test_an_old_fencing_token_writes_nothing(own_rooms: Rooms) -> None:
    rooms, callers = own_rooms, await furnish(own_rooms)
    async with rooms.client(callers.bob) as bob:
        await bob.post(f"/api/collab/leases/{callers.lock_id}/release")
        taken = await made(bob, ACQUIRE, {"resource": "task:T-1", "ttl_seconds": 600})
        assert taken["leases"][0]["fencing_token"] == 2
        before = await rooms.state()
        move = {"to": "claimed", "fencing_token": 1}
        assert code(await bob.post(f"{TASK}/transition", json=move)) == (409, "fencing_token_stale")
        assert code(await bob.post(f"/api/collab/leases/{callers.lock_id}/heartbeat")) == (409, "lease_lost")
        assert await rooms.state() == before
        moved = await bob.post(f"{TASK}/transition", json={"to": "claimed", "fencing_token": 2})
        assert moved.status_code == 200
