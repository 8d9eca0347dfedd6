"""Leases over HTTP, on the database: who may take, keep, see and take back what; lines; keys."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx2
import pytest
from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Scope

from kyros.auth.model import Principal, PrincipalKind, Role
from kyros.collab.api.leases import leases_router
from kyros.collab.model import NewTask
from kyros.collab.model.registry import NewAgent
from kyros.collab.ports import Board, CollabStore
from kyros.collab.service.leases import Leases
from kyros.collab.service.tasks import Tasks
from kyros.entrypoints.problems import install
from kyros.events.model import EventFilter
from kyros.events.store import SqlEventLog
from kyros.infra.db import Database
from tests.signed import Signed, clock, log, store
from tests.stand_ins import Clock

__all__ = ["clock", "log", "store"]

LEASES = "/api/collab/leases"
PEOPLE = {
    "bob": Principal("bob", Role.AGENT, PrincipalKind.AGENT),
    "ann": Principal("ann", Role.OPERATOR, PrincipalKind.PERSON),
    "vic": Principal("vic", Role.VIEWER, PrincipalKind.PERSON),
    "app": Principal("app", None, PrincipalKind.AGENT, {"app": Role.AGENT, "docs": Role.VIEWER}),
    "nil": Principal("nil", None, PrincipalKind.PERSON),
}
Reply = httpx2.Response
on_sqlite_alone = pytest.mark.parametrize("any_database", ["sqlite"], indirect=True)
"""For what is refused before any database is asked."""


@pytest.fixture
def leases(store: CollabStore, any_database: Database) -> Leases:
    leases = Leases(store, look_seconds=60)
    any_database.listener = lambda topics: leases.wake() if "leases" in topics else None
    return leases


@pytest.fixture
def app(leases: Leases) -> ASGIApp:
    app = FastAPI()
    app.include_router(leases_router(leases))
    install(app)
    return Signed(app, PEOPLE)


@pytest.fixture
async def client(app: ASGIApp, store: CollabStore) -> AsyncIterator[httpx2.AsyncClient]:
    def register(board: Board) -> None:
        for one in PEOPLE.values():
            if one.kind is PrincipalKind.AGENT:
                board.put_agent(NewAgent(one.name).made(board.now))

    await store.write(register)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://test") as client:
        yield client


async def acquire(
    client: httpx2.AsyncClient, *names: str, as_: str = "bob", key: str = "", **more: Any
) -> Reply:
    body = {"resources": list(names), "ttl_seconds": 60, **more}
    headers = {"As": as_} | ({"Idempotency-Key": key} if key else {})
    return await client.post(f"{LEASES}/acquire", json=body, headers=headers)


async def taken(client: httpx2.AsyncClient, *names: str, **more: Any) -> dict[str, Any]:
    answer = await acquire(client, *names, **more)
    assert answer.status_code == 201, answer.text
    lock: dict[str, Any] = answer.json()
    return lock


async def post(client: httpx2.AsyncClient, path: str, as_: str = "bob", body: Any = None) -> Reply:
    return await client.post(f"{LEASES}/{path}", json=body, headers={"As": as_})


async def held(client: httpx2.AsyncClient, as_: str = "ann", **query: Any) -> list[str]:
    found = await client.get(LEASES, params=query, headers={"As": as_})
    assert found.status_code == 200, found.text
    return [lease["resource"] for lease in found.json()["items"]]


async def test_a_lock_is_taken_kept_and_given_back(client: httpx2.AsyncClient, clock: Clock) -> None:
    lock = await taken(client, "branch:app/x", "path:app/src/**")
    assert lock == {
        "lock_id": lock["lock_id"],
        "fencing_token": 1,
        "expires_in_ms": 60_000,
        "holder": "bob",
        "ttl_seconds": 60,
        "leases": lock["leases"],
    }
    assert [one["resource"] for one in lock["leases"]] == ["branch:app/x", "path:app/src/**"]
    assert {one["fencing_token"] for one in lock["leases"]} == {1}
    clock.advance(40)
    kept = (await post(client, f"{lock['lock_id']}/heartbeat")).json()
    assert (kept["lock_id"], kept["expires_in_ms"]) == (lock["lock_id"], 60_000)
    for _ in range(2):
        released = await post(client, f"{lock['lock_id']}/release")
        assert (released.status_code, released.json()) == (200, {"ok": True})
    assert await held(client) == []


async def test_one_resource_may_be_named_alone(client: httpx2.AsyncClient) -> None:
    body = {"resource": "x", "ttl_seconds": 1}
    answer = await client.post(f"{LEASES}/acquire", json=body)
    assert (answer.status_code, answer.json()["leases"][0]["resource"]) == (201, "x")


async def test_what_somebody_holds_is_refused_with_holder_and_time(
    client: httpx2.AsyncClient, clock: Clock
) -> None:
    await taken(client, "path:app/src/**")
    clock.advance(20)
    refused = await acquire(client, "path:app/src/a.py", as_="ann")
    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (409, "lease_held")
    facts = (problem["resource"], problem["holder"], problem["retry_after_ms"])
    assert facts == ("path:app/src/**", "bob", 40_000)


async def test_a_heartbeat_too_late_is_lost_for_ever(client: httpx2.AsyncClient, clock: Clock) -> None:
    lock = await taken(client, "x")
    clock.advance(60)
    for _ in range(2):
        late = await post(client, f"{lock['lock_id']}/heartbeat")
        assert (late.status_code, late.json()["code"]) == (409, "lease_lost")
    assert (await taken(client, "x"))["fencing_token"] == 2


async def test_nobody_keeps_or_releases_anothers_lock_nor_learns_its_token(
    client: httpx2.AsyncClient,
) -> None:
    lock = await taken(client, "x")
    for verb in ("heartbeat", "release"):
        refused = await post(client, f"{lock['lock_id']}/{verb}", as_="ann")
        assert (refused.status_code, refused.json()["code"]) == (403, "not_the_holder")
        assert "fencing" not in refused.text
    assert await held(client) == ["x"]


@on_sqlite_alone
@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({"resource": "x", "ttl_seconds": -1}, "ttl_seconds"),
        ({"resource": "x", "ttl_seconds": 0.5}, "ttl_seconds"),
        ({"resource": "x", "ttl_seconds": 31_536_000}, "ttl_seconds"),
        ({"resource": "x", "ttl_seconds": "soon"}, "ttl_seconds"),
        ({"resource": "x", "ttl_seconds": "60"}, "ttl_seconds"),
        ({"resource": "x", "ttl_seconds": True}, "ttl_seconds"),
        ({"resource": "x", "ttl_seconds": 60, "wait_seconds": True}, "wait_seconds"),
        ({"resource": "x"}, "ttl_seconds"),
        ({"resource": "x", "ttl_seconds": 60, "wait_seconds": 51}, "wait_seconds"),
        ({"resource": "x", "ttl_seconds": 60, "wait_seconds": -1}, "wait_seconds"),
        ({"resource": "x", "ttl_seconds": 60, "holder": "ann"}, "holder"),
        ({"resource": "", "ttl_seconds": 60}, "resource"),
        ({"resource": "x" * 501, "ttl_seconds": 60}, "resource"),
        ({"resources": [], "ttl_seconds": 60}, "resources"),
        ({"resources": ["x"] * 33, "ttl_seconds": 60}, "resources"),
        ({"resources": [1], "ttl_seconds": 60}, "resources"),
        ({"ttl_seconds": 60}, "resource"),
        ({"resource": "x", "resources": ["x"], "ttl_seconds": 60}, "resource"),
        ({"resource": "path:app/../b", "ttl_seconds": 60}, "path:app/../b".removeprefix("path:app/")),
        ({"resource": "a\u0007b", "ttl_seconds": 60}, "U+0007"),
    ],
)
async def test_what_cannot_be_asked_is_refused_and_takes_nothing(
    client: httpx2.AsyncClient, body: Any, names: str
) -> None:
    refused = await client.post(f"{LEASES}/acquire", json=body)
    assert refused.status_code == 422
    assert names in refused.json()["detail"]
    assert await held(client) == []


async def test_a_key_sent_again_gets_the_same_answer_and_takes_nothing_more(
    client: httpx2.AsyncClient, log: SqlEventLog, clock: Clock
) -> None:
    first = await acquire(client, "x", key="k")
    clock.advance(10)
    again = await acquire(client, "x", key="k")
    assert (again.status_code, again.content) == (first.status_code, first.content)
    other = await acquire(client, "y", key="k")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert len(await log.page(0, 10, EventFilter(event="lease_acquired"))) == 1
    assert (await taken(client, "x", as_="bob"))["fencing_token"] == 1


async def test_rights_are_those_of_the_resources_project(
    client: httpx2.AsyncClient, store: CollabStore
) -> None:
    task = await Tasks(store).create(NewTask("app", "t", "", "", ()), "ann")
    hidden = await Tasks(store).create(NewTask("bank", "t", "", "", ()), "ann")
    for name in (f"task:{task.id}", "branch:app/x", "path:app/**"):
        assert (await acquire(client, name, as_="app")).status_code == 201
    for name in (f"task:{hidden.id}", "task:T-99", "branch:docs/x", "path:bank/**", "own name", "run:run_1"):
        refused = await acquire(client, name, as_="app")
        assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed"), name
    missing = await acquire(client, "task:T-99", as_="app")
    assert (await acquire(client, f"task:{hidden.id}", as_="app")).json() == missing.json()
    assert (await acquire(client, "x", as_="vic")).status_code == 403
    assert (await acquire(client, "run:run_1", as_="bob")).status_code == 403
    assert (await acquire(client, "run:run_1", as_="ann")).status_code == 201


async def test_who_has_no_right_at_all_hears_so_before_anything_is_looked_up(
    client: httpx2.AsyncClient,
) -> None:
    assert (await client.get(LEASES, headers={"As": "nil"})).status_code == 403
    for path in ("lock_1/heartbeat", "lock_1/release", "reclaim"):
        assert (await post(client, path, as_="vic")).status_code == 403


async def test_a_list_shows_what_one_may_see_and_ones_own(
    client: httpx2.AsyncClient, store: CollabStore
) -> None:
    task = await Tasks(store).create(NewTask("docs", "t", "", "", ()), "ann")
    await taken(client, "branch:app/x", "branch:bank/x", f"task:{task.id}", "own name")
    assert await held(client, as_="app") == ["branch:app/x", f"task:{task.id}"]
    assert len(await held(client, as_="vic")) == 4


async def test_a_list_is_filtered_and_paged(client: httpx2.AsyncClient, clock: Clock) -> None:
    await taken(client, "old", ttl_seconds=5)
    clock.advance(5)
    await taken(client, *(f"n{number}" for number in range(5)))
    await taken(client, "m", as_="ann")
    assert await held(client, live=False) == ["old"]
    assert await held(client, live=True, holder="bob") == ["n0", "n1", "n2", "n3", "n4"]
    assert await held(client, resource="n", limit=2) == ["n0", "n1"]
    page = (await client.get(LEASES, params={"limit": 4}, headers={"As": "ann"})).json()
    rest = await held(client, limit=4, cursor=page["next_cursor"])
    assert [*(one["resource"] for one in page["items"]), *rest] == ["m", "n0", "n1", "n2", "n3", "n4", "old"]
    assert (await client.get(LEASES, params={"limit": 4, "cursor": rest[-1]})).json()["next_cursor"] is None


async def test_an_operator_takes_back_what_ran_out_or_one_lock(
    client: httpx2.AsyncClient, log: SqlEventLog, clock: Clock
) -> None:
    await taken(client, "old", ttl_seconds=5)
    clock.advance(5)
    lock = await taken(client, "a", "b")
    await taken(client, "c")
    assert (await post(client, "reclaim")).status_code == 403
    swept = (await post(client, "reclaim", "ann")).json()
    assert [(one["resource"], one["live"]) for one in swept["leases"]] == [("old", False)]
    forced = (await post(client, "reclaim", "ann", {"lock_id": lock["lock_id"]})).json()
    assert sorted(one["resource"] for one in forced["leases"]) == ["a", "b"]
    assert (await post(client, "reclaim", "ann", {"resource": "c"})).json()["ok"] is True
    assert await held(client) == []
    gone = await post(client, "reclaim", "ann", {"resource": "c"})
    assert (gone.status_code, gone.json()["code"]) == (404, "lease_not_found")
    both = await post(client, "reclaim", "ann", {"resource": "c", "lock_id": "lock_1"})
    assert both.status_code == 422
    events = await log.page(0, 20, EventFilter(event="lease_reclaimed"))
    assert [(one.actor, one.details["reason"]) for one in events] == [
        ("ann", "expired"), *[("ann", "by_operator")] * 3,
    ]  # fmt: skip


# Waiting


async def in_line(store: CollabStore, number: int) -> None:
    with anyio.fail_after(10):
        while len(await store.read(lambda view: view.waiters())) != number:
            await asyncio.sleep(0.001)


async def test_who_waits_is_answered_when_it_is_given_back(
    client: httpx2.AsyncClient, store: CollabStore
) -> None:
    lock = await taken(client, "x")
    waiting = asyncio.create_task(acquire(client, "x", as_="ann", wait_seconds=50))
    await in_line(store, 1)
    await post(client, f"{lock['lock_id']}/release")
    answer = await waiting
    assert (answer.status_code, answer.json()["holder"], answer.json()["fencing_token"]) == (201, "ann", 2)
    await in_line(store, 0)


async def test_an_agent_removed_while_it_waits_takes_nothing(
    client: httpx2.AsyncClient, store: CollabStore, leases: Leases
) -> None:
    lock = await taken(client, "x", as_="ann")
    waiting = asyncio.create_task(acquire(client, "x", as_="bob", wait_seconds=50))
    await in_line(store, 1)

    def remove(board: Board) -> None:
        for waiter in board.waiters():
            board.drop_waiter(waiter.ticket)
        board.drop_agent("bob")

    await store.write(remove)
    await post(client, f"{lock['lock_id']}/release", as_="ann")
    refused = await waiting
    assert (refused.status_code, refused.json()["code"]) == (404, "agent_not_found")
    assert await held(client, as_="ann") == []


async def test_who_waits_in_vain_is_refused(client: httpx2.AsyncClient, store: CollabStore) -> None:
    await taken(client, "x")
    answer = await acquire(client, "x", as_="ann", wait_seconds=0.01)
    assert (answer.status_code, answer.json()["code"]) == (409, "lease_held")
    await in_line(store, 0)


async def test_two_requests_with_one_key_that_wait_take_it_once(
    client: httpx2.AsyncClient, store: CollabStore, log: SqlEventLog
) -> None:
    lock = await taken(client, "x")
    both = [asyncio.create_task(acquire(client, "x", as_="ann", key="k", wait_seconds=50)) for _ in range(2)]
    await in_line(store, 2)
    await post(client, f"{lock['lock_id']}/release")
    first, second = await asyncio.gather(*both)
    assert first.json() == second.json()
    assert len(await log.page(0, 10, EventFilter(event="lease_acquired", actor="ann"))) == 1
    await in_line(store, 0)


async def test_who_hangs_up_leaves_the_line(
    app: ASGIApp, client: httpx2.AsyncClient, store: CollabStore
) -> None:
    """As a server tells it: the body first, then, whenever it happens, that the client is gone."""
    await taken(client, "x")
    gone = asyncio.Event()
    body = [b'{"resource": "x", "ttl_seconds": 60, "wait_seconds": 50}']

    async def receive() -> Message:
        if body:
            return {"type": "http.request", "body": body.pop(), "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        pass

    scope: Scope = {
        "type": "http", "method": "POST", "path": f"{LEASES}/acquire", "query_string": b"", "root_path": "",
        "scheme": "http", "server": ("test", 80),
        "headers": [(b"as", b"ann"), (b"content-type", b"application/json")],
    }  # fmt: skip
    request = asyncio.ensure_future(app(scope, receive, send))
    await in_line(store, 1)
    gone.set()
    await request
    await in_line(store, 0)
