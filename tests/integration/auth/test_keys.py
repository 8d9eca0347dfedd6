"""API keys over HTTP: shown once, never more than their maker, gone when they are to be gone."""

from datetime import timedelta
from typing import Any

import pytest
from starlette.types import ASGIApp

from kyros.auth.model import Role
from kyros.auth.service import keys
from kyros.kernel.clock import to_text
from tests.integration.auth.conftest import PASSWORD, Reply, Rooms, Visitor, add
from tests.stand_ins import Clock

KEYS = "/api/keys"


async def create(by: Visitor, clock: Clock, name: str = "ci", **fields: Any) -> Reply:
    body = {"name": name, "role": "operator", "expires_at": to_text(clock() + timedelta(days=30)), **fields}
    return await by("POST", KEYS, body)


async def made(app: ASGIApp, by: Visitor, clock: Clock, name: str = "ci", **fields: Any) -> Visitor:
    answer = await create(by, clock, name, **fields)
    assert answer.status_code == 201, answer.text
    return Visitor(app, answer.json()["token"])


async def someone(app: ASGIApp, admin: Visitor, name: str, role: Role | None) -> Visitor:
    await add(admin, name, role)
    visitor = Visitor(app)
    await visitor.sign_in(name)
    return visitor


async def test_a_key_is_shown_once_and_known_by_its_beginning(
    app: ASGIApp, admin: Visitor, clock: Clock, rooms: Rooms
) -> None:
    answer = await create(admin, clock)
    token, key = answer.json()["token"], answer.json()["key"]
    assert token.startswith("kyros_key_")
    assert token.startswith(key["prefix"])
    assert len(token) - len(key["prefix"]) >= 37
    assert answer.headers["Cache-Control"] == "no-store"
    listed = await admin("GET", KEYS)
    assert listed.json()["items"] == [key]
    assert token not in listed.text
    rows = await rooms.store.read(lambda ledger: repr(ledger.keys(None, "", 10)))
    assert token not in rows
    me = (await Visitor(app, token)("GET", "/api/auth/me")).json()
    assert (me["name"], me["kind"], me["role"]) == ("ci", "key", "operator")


async def test_one_has_so_many_that_live_and_no_more(
    admin: Visitor, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "MOST_LIVING", 2)
    first = (await create(admin, clock, "one")).json()["key"]["id"]
    assert (await create(admin, clock, "two")).status_code == 201
    refused = await create(admin, clock, "three")
    assert (refused.status_code, refused.json()["code"], refused.json()["limit"]) == (409, "too_many_keys", 2)
    assert (await admin("DELETE", f"{KEYS}/{first}")).status_code == 200
    assert (await create(admin, clock, "three")).status_code == 201


async def test_a_key_does_no_more_than_its_scopes(app: ASGIApp, admin: Visitor, clock: Clock) -> None:
    key = await made(app, admin, clock, scopes=["read"])
    assert (await key("GET", "/api/shared/app")).text == "secret"
    refused = await key("POST", "/api/shared/app")
    assert (refused.status_code, refused.json()["code"], refused.json()["right"]) == (
        403,
        "not_allowed",
        "tasks",
    )


async def test_a_key_of_one_project_sees_no_other(app: ASGIApp, admin: Visitor, clock: Clock) -> None:
    key = await made(app, admin, clock, role=None, projects={"app": "viewer"})
    assert (await key("GET", "/api/shared/app")).text == "secret"
    assert (await key("GET", "/api/shared/other")).status_code == 403


@pytest.mark.parametrize(
    "fields",
    [
        {"role": "admin"},
        {"role": "operator"},
        {"role": "agent"},
        {"role": None, "projects": {"app": "operator"}},
        {"role": None},
        {"role": None, "projects": {"app": "reviewer", "other": "admin"}},
    ],
)
async def test_nobody_gives_a_key_rights_they_lack(
    app: ASGIApp, admin: Visitor, clock: Clock, fields: dict[str, Any]
) -> None:
    rita = await someone(app, admin, "rita", Role.REVIEWER)
    refused = await create(rita, clock, **fields)
    assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
    assert (await create(rita, clock, role="operator", scopes=["review"])).status_code == 201


async def test_a_key_shrinks_with_its_owner(app: ASGIApp, admin: Visitor, clock: Clock) -> None:
    olga = await someone(app, admin, "olga", Role.OPERATOR)
    key = await made(app, olga, clock, projects={"app": "operator"})
    assert (await key("POST", "/api/shared/app")).text == "done"
    await admin("PATCH", "/api/auth/people/olga", {"role": "viewer"})
    assert (await key("POST", "/api/shared/app")).status_code == 403
    assert (await key("GET", "/api/shared/app")).text == "secret"
    await admin("PATCH", "/api/auth/people/olga", {"disabled": True})
    assert (await key("GET", "/api/shared/app")).status_code == 401


async def test_a_key_makes_no_keys(app: ASGIApp, admin: Visitor, clock: Clock) -> None:
    key = await made(app, admin, clock, role="admin")
    refused = await create(key, clock, "another", role="viewer")
    assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")


async def test_a_key_ends_when_it_said_it_would(app: ASGIApp, admin: Visitor, clock: Clock) -> None:
    key = await made(app, admin, clock, expires_at=to_text(clock() + timedelta(seconds=20)))
    assert (await key("GET", "/api/runs")).text == "secret"
    clock.advance(20)
    refused = await key("GET", "/api/runs")
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
    assert "expired" in refused.json()["detail"]


@pytest.mark.parametrize("days", [0, -1, 367, 4_000])
async def test_a_key_expires_within_a_year(admin: Visitor, clock: Clock, days: int) -> None:
    refused = await create(admin, clock, expires_at=to_text(clock() + timedelta(days=days)))
    assert (refused.status_code, refused.json()["code"]) == (422, "key_expiry_refused")


@pytest.mark.parametrize(
    "fields",
    [{"expires_at": None}, {"expires_at": "2026-12-01T00:00:00"}, {"scopes": []}, {"scopes": ["fly"]}],
)
async def test_a_key_that_is_asked_for_wrongly_is_refused(
    admin: Visitor, clock: Clock, fields: dict[str, Any]
) -> None:
    refused = await create(admin, clock, **fields)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")


async def test_a_revoked_key_is_dead_with_the_next_request(
    app: ASGIApp, admin: Visitor, clock: Clock
) -> None:
    answer = (await create(admin, clock)).json()
    key, path = Visitor(app, answer["token"]), f"{KEYS}/{answer['key']['id']}"
    assert (await key("GET", "/api/runs")).text == "secret"
    revoked = await admin("DELETE", path)
    assert revoked.json()["revoked_at"] is not None
    assert (await key("GET", "/api/runs")).status_code == 401
    assert (await admin("DELETE", path)).json() == revoked.json()


async def test_each_sees_and_revokes_their_own_and_an_admin_all(
    app: ASGIApp, admin: Visitor, clock: Clock
) -> None:
    olga, rita = [await someone(app, admin, name, Role.OPERATOR) for name in ("olga", "rita")]
    key_id = (await create(olga, clock)).json()["key"]["id"]
    assert (await rita("GET", KEYS)).json()["items"] == []
    refused = await rita("DELETE", f"{KEYS}/{key_id}")
    assert (refused.status_code, refused.json()["code"]) == (404, "key_not_found")
    assert [one["id"] for one in (await admin("GET", KEYS)).json()["items"]] == [key_id]
    assert (await admin("DELETE", f"{KEYS}/{key_id}")).status_code == 200


async def test_a_name_comes_again_only_for_its_owner_once_the_key_is_gone(
    app: ASGIApp, admin: Visitor, clock: Clock
) -> None:
    first = (await create(admin, clock)).json()["key"]["id"]
    for name in ("ci", "ada", "operator"):
        assert (await create(admin, clock, name)).json()["code"] in ("name_taken", "name_refused")
    await admin("DELETE", f"{KEYS}/{first}")
    olga = await someone(app, admin, "olga", Role.OPERATOR)
    assert (await create(olga, clock)).json()["code"] == "name_taken"
    assert (await create(admin, clock)).status_code == 201
    refused = await admin("POST", "/api/auth/people", {"name": "ci", "password": PASSWORD})
    assert refused.json()["code"] == "name_taken"


async def test_last_use_is_kept_to_the_hour(app: ASGIApp, admin: Visitor, clock: Clock) -> None:
    key = await made(app, admin, clock)

    async def last_used() -> str | None:
        found: str | None = (await admin.sign_in("ada")) and (await admin("GET", KEYS)).json()["items"][0][
            "last_used_at"
        ]
        return found

    assert await last_used() is None
    await key("GET", "/api/runs")
    first = await last_used()
    assert first == to_text(clock())
    clock.advance(3_000)
    await key("GET", "/api/runs")
    assert await last_used() == first
    clock.advance(601)
    await key("GET", "/api/runs")
    assert await last_used() == to_text(clock())


async def test_keys_are_paged(admin: Visitor, clock: Clock) -> None:
    for name in ("one", "two", "three"):
        await create(admin, clock, name)
    first = (await admin("GET", f"{KEYS}?limit=2")).json()
    rest = (await admin("GET", f"{KEYS}?limit=2&cursor={first['next_cursor']}")).json()
    names = [one["name"] for one in first["items"] + rest["items"]]
    assert (sorted(names), rest["next_cursor"]) == (["one", "three", "two"], None)


async def test_keys_are_told_without_their_token(admin: Visitor, clock: Clock, rooms: Rooms) -> None:
    answer = (await create(admin, clock, scopes=["read"])).json()
    await admin("DELETE", f"{KEYS}/{answer['key']['id']}")
    created, revoked = await rooms.told("key_created"), await rooms.told("key_revoked")
    assert [(event.actor, event.target) for event in created + revoked] == [("ada", answer["key"]["id"])] * 2
    assert created[0].details["scopes"] == ["read"]
    assert answer["key"]["prefix"] not in repr(created + revoked)
