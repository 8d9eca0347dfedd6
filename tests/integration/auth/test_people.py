"""People over HTTP: the first admin, who may let in whom, and what takes effect at once."""

from typing import Any

import pytest
from starlette.types import ASGIApp

from kyros.auth.model import Role
from kyros.events.model import EventFilter
from tests.integration.auth.conftest import PASSWORD, Rooms, Visitor, add

PEOPLE = "/api/auth/people"
_ANY = EventFilter()


async def me(visitor: Visitor) -> dict[str, Any]:
    found: dict[str, Any] = (await visitor("GET", "/api/auth/me")).json()
    return found


async def signed_in(app: ASGIApp, name: str, password: str = PASSWORD) -> Visitor:
    visitor = Visitor(app)
    assert (await visitor.sign_in(name, password)).status_code == 200
    return visitor


async def test_before_the_first_person_the_operator_is_told_so(owner: Visitor) -> None:
    assert await me(owner) == {
        "name": "operator",
        "display_name": None,
        "kind": "owner",
        "role": "admin",
        "rights": ["read", "tasks", "lease", "report", "review", "operate", "admin"],
        "projects": {},
        "people_exist": False,
    }
    await add(owner, "ada", Role.ADMIN)
    assert (await me(owner))["people_exist"] is True


async def test_the_first_person_must_be_an_admin(owner: Visitor) -> None:
    body = {"name": "ada", "password": PASSWORD, "role": "viewer"}
    refused = await owner("POST", PEOPLE, body)
    assert (refused.status_code, refused.json()["code"]) == (409, "first_person_not_admin")
    assert (await me(owner))["people_exist"] is False


async def test_nobody_makes_the_first_admin_without_the_operators_token(app: ASGIApp) -> None:
    body = {"name": "eve", "password": PASSWORD, "role": "admin"}
    assert (await Visitor(app)("POST", PEOPLE, body)).status_code == 401


async def test_a_person_is_shown_without_their_password(admin: Visitor) -> None:
    body = {
        "name": "vic",
        "password": PASSWORD,
        "display_name": "Vic T.",
        "email": "vic@example.org",
        "role": "viewer",
    }
    made = await admin("POST", PEOPLE, body)
    assert made.headers["Location"] == f"{PEOPLE}/vic"
    shown = (await admin("GET", f"{PEOPLE}/vic")).json()
    assert shown == made.json()
    assert {
        name: shown[name] for name in ("name", "display_name", "email", "role", "projects", "disabled_at")
    } == {
        "name": "vic",
        "display_name": "Vic T.",
        "email": "vic@example.org",
        "role": "viewer",
        "projects": {},
        "disabled_at": None,
    }
    assert "argon2" not in made.text


@pytest.mark.parametrize("name", ["operator", "kyros", "Ada", "a b", "../x", "", "-a", "ä", "x" * 64])
async def test_a_name_that_cannot_be_used_is_refused(admin: Visitor, name: str) -> None:
    refused = await admin("POST", PEOPLE, {"name": name, "password": PASSWORD})
    assert (refused.status_code, refused.json()["code"]) == (422, "name_refused")


@pytest.mark.parametrize("password", ["short", "x" * 257, "aaaaaaaaaaaaaa", "vicvicvic-vic"])
async def test_a_password_that_is_easily_guessed_is_refused(admin: Visitor, password: str) -> None:
    refused = await admin("POST", PEOPLE, {"name": "vicvicvic", "password": password})
    assert (refused.status_code, refused.json()["code"]) == (422, "password_refused")
    assert password not in refused.text


async def test_a_name_is_given_once_whatever_it_was_for(admin: Visitor, rooms: Rooms) -> None:
    await rooms.store._database.write(  # type: ignore[attr-defined]
        lambda transaction: rooms.agents.mint_in(transaction, "agent", "bot", Role.AGENT, {})
    )
    for name in ("ada", "bot"):
        refused = await admin("POST", PEOPLE, {"name": name, "password": PASSWORD})
        assert (refused.status_code, refused.json()["code"]) == (409, "name_taken")


async def test_people_are_paged_by_name(admin: Visitor) -> None:
    for name in ("zoe", "bea", "kim"):
        await add(admin, name, Role.VIEWER)
    first = (await admin("GET", f"{PEOPLE}?limit=3")).json()
    assert [one["name"] for one in first["items"]] == ["ada", "bea", "kim"]
    rest = (await admin("GET", f"{PEOPLE}?limit=3&cursor={first['next_cursor']}")).json()
    assert ([one["name"] for one in rest["items"]], rest["next_cursor"]) == (["zoe"], None)


async def test_only_admins_manage_people(app: ASGIApp, admin: Visitor) -> None:
    await add(admin, "olga", Role.OPERATOR)
    olga = await signed_in(app, "olga")
    calls: list[tuple[str, str, Any]] = [
        ("GET", PEOPLE, None),
        ("GET", f"{PEOPLE}/ada", None),
        ("POST", PEOPLE, {"name": "eve", "password": PASSWORD, "role": "admin"}),
        ("PATCH", f"{PEOPLE}/olga", {"role": "admin"}),
        ("PUT", f"{PEOPLE}/olga/password", {"password": PASSWORD}),
        ("PUT", f"{PEOPLE}/olga/projects/app", {"role": "admin"}),
        ("DELETE", f"{PEOPLE}/ada/projects/app", None),
    ]
    for method, path, body in calls:
        refused = await olga(method, path, body)
        assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed"), (method, path)
    assert (await olga("GET", f"{PEOPLE}/olga")).json()["role"] == "operator"


async def test_a_new_role_counts_with_the_next_request(app: ASGIApp, admin: Visitor) -> None:
    await add(admin, "vic", Role.VIEWER)
    vic = await signed_in(app, "vic")
    assert (await vic("POST", "/api/shared/app")).status_code == 403
    assert (await admin("PATCH", f"{PEOPLE}/vic", {"role": "operator"})).status_code == 200
    assert (await vic("POST", "/api/shared/app")).status_code == 401
    assert (await vic.sign_in("vic")).status_code == 200
    assert (await vic("POST", "/api/shared/app")).text == "done"


async def test_a_disabled_person_is_out_at_once_and_may_come_back(app: ASGIApp, admin: Visitor) -> None:
    await add(admin, "vic", Role.VIEWER)
    vic = await signed_in(app, "vic")
    assert (await vic("GET", "/api/runs")).text == "secret"
    assert (await admin("PATCH", f"{PEOPLE}/vic", {"disabled": True})).json()["disabled_at"] is not None
    assert (await vic("GET", "/api/runs")).status_code == 401
    refused = await vic.sign_in("vic")
    assert (refused.status_code, refused.json()["code"]) == (401, "sign_in_failed")
    assert (await admin("PATCH", f"{PEOPLE}/vic", {"disabled": False})).json()["disabled_at"] is None
    assert (await vic("GET", "/api/runs")).status_code == 401
    assert (await vic.sign_in("vic")).status_code == 200


@pytest.mark.parametrize("change", [{"role": "operator"}, {"role": None}, {"disabled": True}])
async def test_the_last_admin_stays(admin: Visitor, change: dict[str, Any]) -> None:
    refused = await admin("PATCH", f"{PEOPLE}/ada", change)
    assert (refused.status_code, refused.json()["code"]) == (409, "last_admin")
    await add(admin, "bea", Role.ADMIN)
    assert (await admin("PATCH", f"{PEOPLE}/ada", change)).status_code == 200


async def test_a_disabled_admin_is_no_other_admin(admin: Visitor) -> None:
    await add(admin, "bea", Role.ADMIN)
    await admin("PATCH", f"{PEOPLE}/bea", {"disabled": True})
    assert (await admin("PATCH", f"{PEOPLE}/ada", {"role": "viewer"})).json()["code"] == "last_admin"


async def test_a_change_that_changes_nothing_is_not_told(admin: Visitor, rooms: Rooms) -> None:
    await admin("PATCH", f"{PEOPLE}/ada", {"role": "admin", "disabled": False})
    assert await rooms.told("person_changed") == []
    assert (await admin("GET", "/api/auth/me")).status_code == 200


async def test_an_admin_of_one_project_does_not_learn_what_others_are_elsewhere(
    app: ASGIApp, admin: Visitor
) -> None:
    await add(admin, "pia", None)
    await admin("PUT", f"{PEOPLE}/pia/projects/app", {"role": "admin"})
    await add(admin, "mia", Role.REVIEWER)
    await admin("PATCH", f"{PEOPLE}/mia", {"email": "mia@example.org"})
    await admin("PUT", f"{PEOPLE}/mia/projects/bank", {"role": "operator"})
    pia = await signed_in(app, "pia")
    left = (await pia("DELETE", f"{PEOPLE}/mia/projects/app")).json()
    assert (left["email"], left["role"], left["projects"]) == (None, None, {})
    joined = (await pia("PUT", f"{PEOPLE}/mia/projects/app", {"role": "viewer"})).json()
    assert (joined["email"], joined["role"], joined["projects"]) == (None, None, {"app": "viewer"})
    whole = (await admin("GET", f"{PEOPLE}/mia")).json()
    assert (whole["email"], whole["role"]) == ("mia@example.org", "reviewer")
    assert whole["projects"] == {"app": "viewer", "bank": "operator"}


async def test_a_project_is_seen_by_its_members_alone(app: ASGIApp, admin: Visitor) -> None:
    await add(admin, "mia", None)
    mia = await signed_in(app, "mia")
    assert (await mia("GET", "/api/shared/app")).status_code == 403
    joined = await admin("PUT", f"{PEOPLE}/mia/projects/app", {"role": "viewer"})
    assert joined.json()["projects"] == {"app": "viewer"}
    await mia.sign_in("mia")
    assert (await mia("GET", "/api/shared/app")).text == "secret"
    assert (await mia("GET", "/api/shared/other")).status_code == 403
    assert (await mia("POST", "/api/shared/app")).status_code == 403
    assert (await admin("DELETE", f"{PEOPLE}/mia/projects/app")).json()["projects"] == {}
    assert (await mia("GET", "/api/shared/app")).status_code == 401


async def test_an_admin_of_a_project_lets_people_into_it_alone(app: ASGIApp, admin: Visitor) -> None:
    for name in ("lea", "mia"):
        await add(admin, name, None)
    await admin("PUT", f"{PEOPLE}/lea/projects/app", {"role": "admin"})
    lea = await signed_in(app, "lea")
    assert (await lea("PUT", f"{PEOPLE}/mia/projects/app", {"role": "viewer"})).status_code == 200
    assert (await lea("PUT", f"{PEOPLE}/mia/projects/other", {"role": "viewer"})).status_code == 403
    assert (await lea("PATCH", f"{PEOPLE}/lea", {"role": "admin"})).status_code == 403


async def test_ones_own_password_takes_the_old_one_and_ends_every_session(
    app: ASGIApp, admin: Visitor
) -> None:
    other = await signed_in(app, "ada")
    new = "another long password"
    wrong = await admin("POST", "/api/auth/password", {"old_password": "not the one", "new_password": new})
    assert (wrong.status_code, wrong.json()["code"]) == (403, "password_wrong")
    assert (await other("GET", "/api/runs")).text == "secret"
    done = await admin("POST", "/api/auth/password", {"old_password": PASSWORD, "new_password": new})
    assert done.json() == {"ok": True}
    for visitor in (admin, other):
        assert (await visitor("GET", "/api/runs")).status_code == 401
    assert (await other.sign_in("ada")).status_code == 401
    assert (await other.sign_in("ada", new)).status_code == 200


async def test_an_admin_sets_a_password_for_who_forgot_it(app: ASGIApp, admin: Visitor) -> None:
    await add(admin, "vic", Role.VIEWER)
    vic = await signed_in(app, "vic")
    assert (await admin("PUT", f"{PEOPLE}/vic/password", {"password": "a brand new one"})).status_code == 200
    assert (await vic("GET", "/api/runs")).status_code == 401
    assert (await vic.sign_in("vic", "a brand new one")).status_code == 200


async def test_the_operator_has_no_password_to_change(owner: Visitor) -> None:
    body = {"old_password": PASSWORD, "new_password": "another long password"}
    refused = await owner("POST", "/api/auth/password", body)
    assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")


async def test_nobody_there_is_said_so(admin: Visitor) -> None:
    for method, path, body in (
        ("GET", f"{PEOPLE}/nobody-here", None),
        ("PATCH", f"{PEOPLE}/nobody-here", {"role": "viewer"}),
        ("PUT", f"{PEOPLE}/nobody-here/password", {"password": PASSWORD}),
        ("PUT", f"{PEOPLE}/nobody-here/projects/app", {"role": "viewer"}),
    ):
        missing = await admin(method, path, body)
        assert (missing.status_code, missing.json()["code"]) == (404, "person_not_found"), (method, path)


async def test_what_happens_to_people_is_told_with_who_did_it(admin: Visitor, rooms: Rooms) -> None:
    await add(admin, "vic", Role.VIEWER)
    await admin("PATCH", f"{PEOPLE}/vic", {"role": "reviewer"})
    await admin("PUT", f"{PEOPLE}/vic/projects/app", {"role": "operator"})
    await admin("DELETE", f"{PEOPLE}/vic/projects/app")
    await admin("PUT", f"{PEOPLE}/vic/password", {"password": "a brand new one"})
    told = [event for event in await rooms.events.page(0, 100, _ANY) if event.target == "vic"]
    assert [(event.event, event.actor, dict(event.details)) for event in told] == [
        ("person_added", "ada", {"role": "viewer"}),
        ("person_changed", "ada", {"fields": ["role"], "role": "reviewer", "disabled": False}),
        ("person_joined", "ada", {"project_id": "app", "role": "operator"}),
        ("person_left", "ada", {"project_id": "app"}),
        ("person_password_set", "ada", {}),
    ]
