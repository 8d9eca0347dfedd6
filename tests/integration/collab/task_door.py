"""The door of tasks on a database, as the tests of it come in: who calls, and what they do most."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from kyros.auth.model import Principal, PrincipalKind, Role
from kyros.collab.api.state import state_router
from kyros.collab.api.tasks import tasks_router
from kyros.collab.model import Lease
from kyros.collab.ports import CollabStore
from kyros.entrypoints.problems import install
from kyros.events.model import Event, EventFilter
from kyros.events.store import SqlEventLog
from kyros.kernel.clock import to_text
from tests.signed import Signed
from tests.stand_ins import Clock

TASKS = "/api/collab/tasks"
STATE = "/api/collab/state"
PEOPLE = {
    "ann": Principal("ann", Role.ADMIN),
    "olga": Principal("olga", Role.OPERATOR, PrincipalKind.PERSON),
    "rita": Principal("rita", Role.REVIEWER, PrincipalKind.PERSON),
    "vic": Principal("vic", Role.VIEWER, PrincipalKind.PERSON),
    "bot": Principal("bot", Role.AGENT, PrincipalKind.AGENT),
    "app": Principal("app", None, PrincipalKind.PERSON, {"app": Role.OPERATOR, "docs": Role.VIEWER}),
}
Reply = httpx2.Response
on_sqlite_alone = pytest.mark.parametrize("any_database", ["sqlite"], indirect=True)
"""For what is refused before any database is asked."""


@pytest.fixture
async def client(store: CollabStore) -> AsyncIterator[httpx2.AsyncClient]:
    app = FastAPI()
    app.include_router(tasks_router(store))
    app.include_router(state_router(store))
    install(app)
    transport = httpx2.ASGITransport(app=Signed(app, PEOPLE))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def create(client: httpx2.AsyncClient, as_: str = "ann", **fields: Any) -> str:
    body = {"title": "Add a board", "project_id": "app", **fields}
    made = await client.post(TASKS, json=body, headers={"As": as_})
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def get(client: httpx2.AsyncClient, task_id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get(f"{TASKS}/{task_id}")).json()
    return found


async def patch(client: httpx2.AsyncClient, task_id: str, body: Any, **headers: str) -> Reply:
    etag = (await get(client, task_id))["etag"]
    sent = {"If-Match": etag, "Content-Type": "application/merge-patch+json", **headers}
    return await client.patch(f"{TASKS}/{task_id}", content=json.dumps(body), headers=sent)


async def move(client: httpx2.AsyncClient, task_id: str, to: str, as_: str = "ann", **more: Any) -> Reply:
    return await client.post(f"{TASKS}/{task_id}/transition", json={"to": to, **more}, headers={"As": as_})


async def walk(client: httpx2.AsyncClient, task_id: str, *states: str) -> None:
    for state in states:
        moved = await move(client, task_id, state)
        assert moved.status_code == 200, moved.text


async def told(log: SqlEventLog, task_id: str) -> list[Event]:
    return await log.page(0, 100, EventFilter(target=task_id))


async def hold(store: CollabStore, task_id: str, holder: str, clock: Clock, token: int = 3) -> None:
    at, until = to_text(clock()), to_text(clock() + timedelta(seconds=60))
    lease = Lease("lock_1", f"task:{task_id}", holder, token, at, at, until, 60)
    await store.write(lambda board: board.put_lease(lease))
