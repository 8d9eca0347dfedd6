"""A house with a task, agents and a lease in it, and callers of every kind."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from tests.integration.hostile.rooms import Rooms, open_rooms

TASK = "/api/collab/tasks/T-1"


@dataclass(frozen=True)
class Callers:
    """Tokens: an agent's that holds `lock_id`, another agent's of the same project, one of another project,
    a viewer's, and one that may do nothing anywhere."""

    bob: str
    eve: str
    stranger: str
    viewer: str
    nobody: str
    lock_id: str


@pytest.fixture(scope="module")
async def rooms(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rooms]:
    """One house for all that is only refused."""
    async with open_rooms(tmp_path_factory.mktemp("hostile")) as rooms:
        yield rooms


@pytest.fixture(scope="module")
async def callers(rooms: Rooms) -> Callers:
    return await furnish(rooms)


@pytest.fixture
async def client(rooms: Rooms) -> AsyncIterator[httpx2.AsyncClient]:
    """The operator's."""
    async with rooms.client() as client:
        yield client


async def furnish(rooms: Rooms) -> Callers:
    """With the task T-1 of the project app, which bob holds. Each has been seen before anything is tried."""
    async with rooms.client() as client:
        await made(client, "/api/collab/tasks", {"title": "Add a board", "project_id": "app"})
        tokens = {
            name: (await made(client, "/api/collab/agents", {"name": name, "projects": [project]}))["token"]
            for name, project in (("bob", "app"), ("eve", "app"), ("stranger", "elsewhere"))
        }
        tokens["viewer"] = await key(client, "viewer", role="viewer")
        tokens["nobody"] = await key(client, "idle", projects={"nowhere": "viewer"}, scopes=["lease"])
    async with rooms.client(tokens["bob"]) as bob:
        taken = await made(bob, "/api/collab/leases/acquire", {"resource": "task:T-1", "ttl_seconds": 600})
    for token in tokens.values():
        async with rooms.client(token) as caller:
            assert (await caller.get("/api/auth/me")).status_code == 200
    return Callers(**tokens, lock_id=taken["lock_id"])


async def made(client: httpx2.AsyncClient, path: str, body: Any) -> dict[str, Any]:
    answer = await client.post(path, json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def key(client: httpx2.AsyncClient, name: str, **may: Any) -> str:
    until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    return str((await made(client, "/api/keys", {"name": name, "expires_at": until, **may}))["token"])
