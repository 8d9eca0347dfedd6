"""Agents over HTTP, on the database: registration, tokens told once, versions, rights, signs of life."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from kyros.auth.model import Principal, PrincipalKind, Right, Role, digest_of_token
from kyros.auth.service import AgentTokens
from kyros.auth.store import SqlAuthStore
from kyros.collab.api.agents import agents_router
from kyros.collab.api.presence import Presence
from kyros.collab.api.state import state_router
from kyros.collab.ports import CollabStore
from kyros.collab.service.agents import Agents
from kyros.entrypoints.problems import install
from kyros.events.model import Event, EventFilter
from kyros.events.store import SqlEventLog
from kyros.infra.db import SqliteDatabase, prepared
from tests.signed import Signed, clock, log, store
from tests.stand_ins import Clock

__all__ = ["clock", "log", "store"]

AGENTS = "/api/collab/agents"
PEOPLE = {
    "ann": Principal("ann", Role.ADMIN),
    "olga": Principal("olga", Role.OPERATOR, PrincipalKind.PERSON),
    "vic": Principal("vic", Role.VIEWER, PrincipalKind.PERSON),
    "app": Principal("app", None, PrincipalKind.PERSON, {"app": Role.OPERATOR, "docs": Role.VIEWER}),
    "key": Principal("key", Role.OPERATOR, PrincipalKind.KEY, scopes=frozenset({Right.READ, Right.OPERATE})),
    "bob": Principal("bob", Role.AGENT, PrincipalKind.AGENT),
    "eve": Principal("eve", None, PrincipalKind.AGENT, {"app": Role.AGENT}),
}
Reply = httpx2.Response


@pytest.fixture
def any_database(database: SqliteDatabase) -> SqliteDatabase:
    return database


@pytest.fixture
def auth(database: SqliteDatabase, log: SqlEventLog, clock: Clock) -> SqlAuthStore:
    return SqlAuthStore(database, log, clock)


@pytest.fixture
async def client(store: CollabStore, auth: SqlAuthStore) -> AsyncIterator[httpx2.AsyncClient]:
    tokens = AgentTokens(auth)
    app = FastAPI()
    app.include_router(agents_router(store, tokens))
    app.include_router(state_router(store))
    install(app)
    transport = httpx2.ASGITransport(app=Signed(Presence(app, Agents(store, tokens).saw), PEOPLE))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def register(client: httpx2.AsyncClient, name: str, as_: str = "ann", **more: Any) -> Reply:
    headers = {"As": as_} | {key: more.pop(key) for key in ("Idempotency-Key",) if key in more}
    return await client.post(AGENTS, json={"name": name, **more}, headers=headers)


async def get(client: httpx2.AsyncClient, name: str, as_: str = "ann") -> Reply:
    return await client.get(f"{AGENTS}/{name}", headers={"As": as_})


async def patch(client: httpx2.AsyncClient, name: str, body: Any, as_: str = "ann") -> Reply:
    etag = (await get(client, name)).headers["etag"]
    return await client.patch(f"{AGENTS}/{name}", json=body, headers={"As": as_, "If-Match": etag})


async def act(client: httpx2.AsyncClient, name: str, what: str, as_: str, body: Any = None) -> Reply:
    return await client.post(f"{AGENTS}/{name}/{what}", json=body, headers={"As": as_})


async def told(log: SqlEventLog, name: str) -> list[Event]:
    return await log.page(0, 100, EventFilter(target=name))


async def principal_of(auth: SqlAuthStore, token: str) -> Principal | None:
    """Whom a token stands for; None once it is dead."""
    found = await auth.read(lambda ledger: ledger.agent_token_by_digest(digest_of_token(token)))
    return found.principal if found else None


def code(reply: Reply) -> tuple[int, str]:
    return reply.status_code, reply.json()["code"]


async def test_an_agent_is_registered_with_address_etag_and_a_token_that_counts(
    client: httpx2.AsyncClient, auth: SqlAuthStore
) -> None:
    made = await register(client, "bob", skills=["python", "go"], profile="codex", projects=["app"])
    assert made.status_code == 201
    assert made.headers["location"] == f"{AGENTS}/bob"
    token = made.json()["token"]
    assert token.startswith("kyros_agent_")
    assert await principal_of(auth, token) == Principal("bob", None, PrincipalKind.AGENT, {"app": Role.AGENT})
    found = await client.get(made.headers["location"])
    assert found.headers["etag"] == made.headers["etag"] == found.json()["etag"]
    assert found.json() | {"created_at": "", "updated_at": "", "etag": ""} == {
        "name": "bob", "role": "agent", "skills": ["python", "go"], "profile": "codex", "projects": ["app"],
        "status": "offline", "available": True, "last_seen": None, "version": 1,
        "created_at": "", "updated_at": "", "etag": "",
    }  # fmt: skip


async def test_the_token_is_kept_nowhere(client: httpx2.AsyncClient, database: SqliteDatabase) -> None:
    token = (await register(client, "bob", **{"Idempotency-Key": "k"})).json()["token"]
    renewed = await client.post(f"{AGENTS}/bob/token", headers={"Idempotency-Key": "l"})
    database.close()
    files = [path.read_bytes() for path in database.path.parent.iterdir() if path.is_file()]
    for secret in (token, renewed.json()["token"]):
        assert not any(secret.encode() in content for content in files)


async def test_a_repetition_under_a_key_registers_once_and_tells_no_token(
    client: httpx2.AsyncClient, auth: SqlAuthStore, log: SqlEventLog
) -> None:
    first = await register(client, "bob", **{"Idempotency-Key": "k"})
    again = await register(client, "bob", **{"Idempotency-Key": "k"})
    assert again.status_code == 201
    assert again.json() == {"name": "bob", "token": None}
    assert again.headers["etag"] == first.headers["etag"]
    assert await principal_of(auth, first.json()["token"]) is not None
    assert len(await told(log, "bob")) == 1
    other = await register(client, "bob", role="manager", **{"Idempotency-Key": "k"})
    assert code(other) == (422, "idempotency_key_reused")


async def test_a_renewed_token_is_told_once_and_the_old_one_is_dead(
    client: httpx2.AsyncClient, auth: SqlAuthStore, log: SqlEventLog
) -> None:
    old = (await register(client, "bob")).json()["token"]
    path, headers = f"{AGENTS}/bob/token", {"Idempotency-Key": "k"}
    new = (await client.post(path, headers=headers)).json()["token"]
    assert (await client.post(path, headers=headers)).json() == {"name": "bob", "token": None}
    assert await principal_of(auth, old) is None
    assert await principal_of(auth, new) is not None
    assert [event.event for event in await told(log, "bob")] == ["agent_registered", "agent_token_renewed"]


@pytest.mark.parametrize("name", ["kyros", "operator", "forge"])
async def test_names_of_kyros_itself_are_refused(client: httpx2.AsyncClient, name: str) -> None:
    assert code(await register(client, name)) == (422, "name_refused")
    assert (await get(client, name)).status_code == 404


async def test_a_name_is_registered_once(client: httpx2.AsyncClient, log: SqlEventLog) -> None:
    await register(client, "bob")
    again = await register(client, "bob")
    assert code(again) == (409, "agent_exists")
    assert len(await told(log, "bob")) == 1


async def test_the_name_of_a_person_is_refused_and_nothing_is_kept(
    client: httpx2.AsyncClient, auth: SqlAuthStore, log: SqlEventLog
) -> None:
    await auth.write(lambda ledger: ledger.take_name("paula", PrincipalKind.PERSON))
    assert code(await register(client, "paula")) == (409, "name_taken")
    assert (await get(client, "paula")).status_code == 404
    assert await told(log, "paula") == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "Bob"}, "name"),
        ({"name": "-bob"}, "name"),
        ({"name": "../bob"}, "name"),
        ({"name": "b" * 64}, "name"),
        ({"name": "bob\n"}, "name"),
        ({"name": 7}, "name"),
        ({}, "name"),
        ({"name": "bob", "role": "admin"}, "role"),
        ({"name": "bob", "skills": ["x"] * 2}, "skills"),
        ({"name": "bob", "skills": [f"s{number}" for number in range(51)]}, "skills"),
        ({"name": "bob", "skills": ["x" * 51]}, "skills[0]"),
        ({"name": "bob", "skills": ["a\x1bb"]}, "skills[0]"),
        ({"name": "bob", "skills": "python"}, "skills"),
        ({"name": "bob", "profile": "a b"}, "profile"),
        ({"name": "bob", "projects": ["../app"]}, "projects[0]"),
        ({"name": "bob", "projects": [f"p{number}" for number in range(101)]}, "projects"),
        ({"name": "bob", "token": "mine"}, "token"),
        ({"name": "bob", "available": False}, "available"),
    ],
)
async def test_what_an_agent_cannot_be_is_refused_by_field(
    client: httpx2.AsyncClient, log: SqlEventLog, body: Any, field: str
) -> None:
    refused = await client.post(AGENTS, json=body)
    assert code(refused) == (422, "invalid_request")
    assert [fault["field"] for fault in refused.json()["errors"]] == [field]
    assert await log.last_id() == 0


async def test_a_change_needs_the_version_it_was_made_on(client: httpx2.AsyncClient) -> None:
    await register(client, "bob")
    path = f"{AGENTS}/bob"
    etag = (await get(client, "bob")).headers["etag"]
    assert code(await client.patch(path, json={"role": "manager"})) == (428, "precondition_required")
    weak = await client.patch(path, json={"role": "manager"}, headers={"If-Match": f"W/{etag}"})
    assert code(weak) == (412, "stale_etag")
    changed = await client.patch(path, json={"role": "manager"}, headers={"If-Match": etag})
    assert changed.json() == {"ok": True, "etag": changed.headers["etag"]}
    stale = await client.patch(path, json={"role": "agent"}, headers={"If-Match": etag})
    assert code(stale) == (412, "stale_etag")
    assert stale.json()["etag"] == stale.headers["etag"] == changed.headers["etag"]
    assert (await get(client, "bob")).json()["role"] == "manager"


async def test_the_etag_of_all_agents_will_do(client: httpx2.AsyncClient) -> None:
    await register(client, "bob")
    etag = (await client.get("/api/collab/state/agents")).headers["etag"]
    changed = await client.patch(f"{AGENTS}/bob", json={"profile": "codex"}, headers={"If-Match": etag})
    assert changed.status_code == 200


async def test_a_merge_patch_replaces_empties_and_leaves(client: httpx2.AsyncClient) -> None:
    await register(client, "bob", skills=["go"], profile="codex", projects=["app"])
    await patch(client, "bob", {"skills": None, "profile": None})
    agent = (await get(client, "bob")).json()
    assert (agent["skills"], agent["profile"], agent["projects"]) == ([], None, ["app"])
    for body, field in (
        ({"projects": None}, "projects"),
        ({"role": None}, "role"),
        ({"colour": 1}, "colour"),
    ):
        refused = await patch(client, "bob", body)
        assert refused.status_code == 422
        assert field in refused.json()["detail"]


@pytest.mark.parametrize(
    "field", ["name", "status", "available", "last_seen", "version", "etag", "created_at"]
)
async def test_what_changes_another_way_is_refused_with_that_way(
    client: httpx2.AsyncClient, field: str
) -> None:
    await register(client, "bob")
    refused = await patch(client, "bob", {field: "x"})
    assert code(refused) == (422, "not_patchable")
    assert refused.json()["field"] == field


async def test_projects_taken_away_are_taken_from_the_token(
    client: httpx2.AsyncClient, auth: SqlAuthStore
) -> None:
    token = (await register(client, "bob", projects=["app", "docs"])).json()["token"]
    await patch(client, "bob", {"projects": ["docs"]})
    principal = await principal_of(auth, token)
    assert principal is not None
    assert principal.projects == {"docs": Role.AGENT}


async def test_an_agent_known_already_is_not_sent_again(client: httpx2.AsyncClient) -> None:
    await register(client, "bob")
    etag = (await get(client, "bob")).headers["etag"]
    known = await client.get(f"{AGENTS}/bob", headers={"If-None-Match": f"W/{etag}"})
    assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", etag)


async def test_a_request_of_an_agent_is_a_sign_of_life(
    client: httpx2.AsyncClient, clock: Clock, log: SqlEventLog
) -> None:
    await register(client, "bob")
    before = await get(client, "bob")
    assert before.json()["status"] == "offline"
    seen = (await get(client, "bob", as_="bob")).json()
    assert (seen["status"], seen["last_seen"]) == ("idle", "2026-11-20T12:00:00.000000Z")
    etag = before.headers["etag"]
    known = await client.get(f"{AGENTS}/bob", headers={"If-None-Match": etag})
    assert known.status_code == 200
    changed = await client.patch(f"{AGENTS}/bob", json={"role": "manager"}, headers={"If-Match": etag})
    assert changed.status_code == 200
    clock.advance(600)
    assert (await get(client, "bob")).json()["status"] == "offline"
    assert [event.event for event in await told(log, "bob")] == ["agent_registered", "agent_changed"]


async def test_signs_of_life_are_passed_on_once_a_minute_and_of_agents_alone() -> None:
    heard: list[str] = []

    async def saw(name: str) -> None:
        heard.append(name)

    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=Signed(Presence(FastAPI(), saw), PEOPLE)), base_url="http://test"
    ) as client:
        for who in ("bob", "olga", "bob", "eve", "key", "bob"):
            await client.get("/", headers={"As": who})
    assert heard == ["bob", "eve"]


async def test_a_sign_of_life_that_cannot_be_noted_harms_no_request(
    client: httpx2.AsyncClient, database: SqliteDatabase
) -> None:
    await register(client, "bob")
    await database.write(
        lambda connection: prepared(
            connection,
            "CREATE TRIGGER full BEFORE UPDATE ON agents BEGIN SELECT RAISE(ABORT, 'no room'); END",
        )
    )
    assert (await get(client, "bob", as_="bob")).status_code == 200


async def test_agents_come_in_pages_by_name(client: httpx2.AsyncClient) -> None:
    for name in ("joe", "bob", "eve"):
        await register(client, name)
    first = (await client.get(AGENTS, params={"limit": 2})).json()
    assert [agent["name"] for agent in first["items"]] == ["bob", "eve"]
    rest = (await client.get(AGENTS, params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [agent["name"] for agent in rest["items"]] == ["joe"]
    assert rest["next_cursor"] is None


async def test_agents_are_found_by_what_they_are(client: httpx2.AsyncClient) -> None:
    await register(client, "bob", skills=["go"], projects=["app"])
    await register(client, "joe", role="manager")
    await act(client, "joe", "availability", "ann", {"available": False})

    async def names(**query: str) -> list[str]:
        return [agent["name"] for agent in (await client.get(AGENTS, params=query)).json()["items"]]

    assert await names(skill="go") == ["bob"]
    assert await names(role="manager") == ["joe"]
    assert await names(available="true") == ["bob"]
    assert await names(project="docs") == ["joe"]
    assert await names(status="working") == []
    assert code(await client.get(AGENTS, params={"colour": "red"})) == (422, "invalid_request")


async def test_an_agent_says_itself_whether_it_takes_work_and_no_other_does(
    client: httpx2.AsyncClient, log: SqlEventLog
) -> None:
    await register(client, "bob")
    await register(client, "eve", projects=["app"])
    assert (await act(client, "bob", "availability", "bob", {"available": False})).status_code == 200
    assert (await get(client, "bob")).json()["available"] is False
    refused = await act(client, "bob", "availability", "eve", {"available": True})
    assert code(refused) == (403, "not_allowed")
    assert (await told(log, "bob"))[-1].actor == "bob"
    assert (await act(client, "bob", "availability", "olga", {"available": True})).status_code == 200
    for unclear in ("no", 0):
        said = await act(client, "bob", "availability", "bob", {"available": unclear})
        assert code(said) == (422, "invalid_request")
    assert (await get(client, "bob")).json()["available"] is True


@pytest.mark.parametrize("who", ["vic", "bob", "key"])
async def test_who_may_not_hand_out_rights_registers_nobody(
    client: httpx2.AsyncClient, log: SqlEventLog, who: str
) -> None:
    """The key may operate, but its scopes lack what an agent's token may do."""
    assert code(await register(client, "joe", as_=who)) == (403, "not_allowed")
    assert (await get(client, "joe")).status_code == 404
    assert await told(log, "joe") == []


async def test_who_operates_one_project_hands_out_rights_there_alone(client: httpx2.AsyncClient) -> None:
    assert (await register(client, "joe", as_="app", projects=["app"])).status_code == 201
    for projects in ([], ["docs"], ["app", "docs"]):
        assert code(await register(client, "jim", as_="app", projects=projects)) == (403, "not_allowed")
    for projects in ([], ["app", "docs"]):
        assert code(await patch(client, "joe", {"projects": projects}, "app")) == (403, "not_allowed")
    assert (await get(client, "joe")).json()["projects"] == ["app"]
    assert (await patch(client, "joe", {"skills": ["go"]}, "app")).status_code == 200


async def test_who_sees_one_project_sees_its_agents_alone(client: httpx2.AsyncClient) -> None:
    await register(client, "bob", projects=["secret"])
    await register(client, "joe", projects=["docs"])
    await register(client, "jim")
    found = (await client.get(AGENTS, headers={"As": "app"})).json()["items"]
    assert [agent["name"] for agent in found] == ["jim", "joe"]
    assert code(await get(client, "bob", as_="app")) == (404, "agent_not_found")
    assert code(await act(client, "bob", "token", "app")) == (404, "agent_not_found")
    assert code(await act(client, "joe", "token", "app")) == (403, "not_allowed")


async def test_a_removed_agent_is_gone_with_its_token_and_its_name_is_free(
    client: httpx2.AsyncClient, auth: SqlAuthStore, log: SqlEventLog
) -> None:
    token = (await register(client, "bob")).json()["token"]
    assert code(await client.delete(f"{AGENTS}/bob", headers={"As": "vic"})) == (403, "not_allowed")
    assert (await client.delete(f"{AGENTS}/bob")).json() == {"ok": True}
    assert await principal_of(auth, token) is None
    assert code(await client.delete(f"{AGENTS}/bob")) == (404, "agent_not_found")
    assert (await register(client, "bob")).status_code == 201
    events = [event.event for event in await told(log, "bob")]
    assert events == ["agent_registered", "agent_removed", "agent_registered"]


async def test_a_failed_event_takes_back_the_agent_and_its_token(
    client: httpx2.AsyncClient, database: SqliteDatabase
) -> None:
    await database.write(
        lambda connection: prepared(
            connection,
            "CREATE TRIGGER full BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'no room'); END",
        )
    )
    assert (await register(client, "bob")).status_code == 502
    assert (await get(client, "bob")).status_code == 404
    kept = await database.read(
        lambda connection: prepared(connection, "SELECT count(*) FROM agent_tokens").scalar()
    )
    assert kept == 0
