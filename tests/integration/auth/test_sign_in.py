"""Signing in, going on and signing out: cookies and CSRF, rotation, theft, and tokens that are forged."""

import asyncio
import json
from base64 import urlsafe_b64encode
from datetime import timedelta
from typing import Any

import jwt
import pytest
from starlette.types import ASGIApp

from kyros.auth.model import Role
from tests.integration.auth.conftest import PASSWORD, SIGNING, Reply, Rooms, Visitor, add
from tests.stand_ins import Clock

LOGIN, REFRESH, LOGOUT = "/api/auth/login", "/api/auth/refresh", "/api/auth/logout"


@pytest.fixture
async def vic(app: ASGIApp, admin: Visitor) -> Visitor:
    """Signed in as a browser is."""
    await add(admin, "vic", Role.VIEWER)
    visitor = Visitor(app)
    assert (await visitor.sign_in("vic", transport="cookie")).status_code == 200
    return visitor


async def by_body(app: ASGIApp) -> tuple[Visitor, str]:
    visitor = Visitor(app)
    answer = await visitor.sign_in("ada")
    return visitor, str(answer.json()["refresh_token"])


async def refresh(visitor: Visitor, token: str) -> Reply:
    return await visitor("POST", REFRESH, {"refresh_token": token})


def code(answer: Reply) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


async def test_a_browser_gets_a_cookie_that_no_script_reads(app: ASGIApp, admin: Visitor) -> None:
    answer = await Visitor(app).sign_in("ada", transport="cookie")
    body = answer.json()
    assert (body["refresh_token"], body["token_type"], body["expires_in"]) == (None, "Bearer", 600)
    assert (body["name"], body["role"]) == ("ada", "admin")
    assert answer.headers["Cache-Control"] == "no-store"
    name, *marks = [part.strip() for part in answer.headers["Set-Cookie"].split(";")]
    assert name.startswith("kyros_refresh=kyros_refresh_")
    assert {mark.lower() for mark in marks} == {
        "httponly",
        "samesite=strict",
        "path=/api/auth",
        "max-age=2592000",
    }


async def test_over_https_the_cookie_travels_no_other_way(app: ASGIApp, admin: Visitor) -> None:
    answer = await Visitor(app, scheme="https").sign_in("ada", transport="cookie")
    assert "; secure" in answer.headers["Set-Cookie"].lower()


async def test_a_program_gets_no_cookie(app: ASGIApp, admin: Visitor) -> None:
    answer = await Visitor(app).sign_in("ada", transport="body")
    assert "Set-Cookie" not in answer.headers
    assert answer.json()["refresh_token"].startswith("kyros_refresh_")
    assert answer.json()["csrf_token"] is None


async def test_the_name_may_be_typed_in_capitals(app: ASGIApp, admin: Visitor) -> None:
    assert (await Visitor(app).sign_in(" ADA ")).status_code == 200


async def test_wrong_name_and_wrong_password_read_the_same(app: ASGIApp, admin: Visitor) -> None:
    answers = [await Visitor(app).sign_in(name, "not the password") for name in ("ada", "nobody-here", "")]
    assert [code(answer) for answer in answers[:2]] == [(401, "sign_in_failed")] * 2
    assert answers[0].content == answers[1].content
    assert answers[2].status_code == 422


async def test_an_unknown_name_costs_a_hash_as_well(rooms: Rooms, admin: Visitor, app: ASGIApp) -> None:
    """Time is not measured; that the same work is done is seen where it is done."""
    verified: list[str | None] = []
    passwords = rooms.sessions._passwords
    real = passwords.verify

    async def watched(password: str, hashed: str | None) -> bool:
        verified.append(hashed)
        return await real(password, hashed)

    passwords.verify = watched  # type: ignore[method-assign]
    await Visitor(app).sign_in("ada", "not the password")
    await Visitor(app).sign_in("nobody-here", "not the password")
    assert len(verified) == 2
    assert verified[1] is None


async def test_a_cookie_alone_opens_nothing_else(vic: Visitor) -> None:
    vic.token = None
    assert vic.http.cookies
    assert code(await vic("GET", "/api/runs")) == (401, "unauthenticated")
    assert code(await vic("GET", "/api/auth/me")) == (401, "unauthenticated")


async def test_a_cookie_without_its_csrf_token_is_refused_and_not_spent(app: ASGIApp, vic: Visitor) -> None:
    for path in (REFRESH, LOGOUT):
        assert code(await vic("POST", path)) == (403, "csrf_refused")
        assert code(await vic("POST", path, X_CSRF_Token="0" * 64)) == (403, "csrf_refused")
    other = Visitor(app)
    foreign = (await other.sign_in("vic", transport="cookie")).json()["csrf_token"]
    assert code(await vic("POST", REFRESH, X_CSRF_Token=foreign)) == (403, "csrf_refused")
    csrf = (await vic.sign_in("vic", transport="cookie")).json()["csrf_token"]
    assert (await vic("POST", REFRESH, X_CSRF_Token=csrf)).status_code == 200


async def test_a_page_of_another_site_cannot_refresh(vic: Visitor) -> None:
    assert code(await vic("POST", REFRESH, Origin="http://evil.example")) == (403, "origin_refused")


async def test_the_csrf_token_stays_the_same_through_a_session(vic: Visitor) -> None:
    csrf = (await vic.sign_in("vic", transport="cookie")).json()["csrf_token"]
    for _ in range(3):
        answer = await vic("POST", REFRESH, X_CSRF_Token=csrf)
        assert (answer.status_code, answer.json()["csrf_token"]) == (200, csrf)


async def test_each_refresh_brings_a_token_that_works(app: ASGIApp, admin: Visitor, clock: Clock) -> None:
    visitor, token = await by_body(app)
    for _ in range(3):
        clock.advance(601)
        assert code(await visitor("GET", "/api/runs")) == (401, "unauthenticated")
        answer = (await refresh(visitor, token)).json()
        assert answer["refresh_token"] != token
        token, visitor.token = answer["refresh_token"], answer["access_token"]
        assert (await visitor("GET", "/api/runs")).text == "secret"


async def test_two_tabs_that_refresh_at_once_both_go_on(app: ASGIApp, admin: Visitor, rooms: Rooms) -> None:
    visitor, token = await by_body(app)
    first, second = await asyncio.gather(refresh(visitor, token), refresh(visitor, token))
    tokens = {answer.json()["refresh_token"] for answer in (first, second)}
    assert (first.status_code, second.status_code, len(tokens)) == (200, 200, 2)
    for one in tokens:
        assert (await refresh(visitor, one)).status_code == 200
    assert await rooms.told("refresh_reused") == []


async def test_a_token_used_again_later_ends_the_session(
    app: ASGIApp, admin: Visitor, rooms: Rooms, clock: Clock
) -> None:
    visitor, stolen = await by_body(app)
    honest = (await refresh(visitor, stolen)).json()
    visitor.token = honest["access_token"]
    clock.advance(11)
    assert (await visitor("GET", "/api/runs")).text == "secret"
    assert code(await refresh(visitor, stolen)) == (401, "session_ended")
    assert code(await refresh(visitor, honest["refresh_token"])) == (401, "session_ended")
    assert code(await visitor("GET", "/api/runs")) == (401, "unauthenticated")
    (told,) = await rooms.told("refresh_reused")
    assert (told.actor, told.target) == ("ada", "ada")
    assert (await Visitor(app).sign_in("ada")).status_code == 200


async def test_other_sessions_live_through_a_theft(app: ASGIApp, admin: Visitor, clock: Clock) -> None:
    visitor, stolen = await by_body(app)
    other, token = await by_body(app)
    await refresh(visitor, stolen)
    clock.advance(11)
    await refresh(visitor, stolen)
    assert (await refresh(other, token)).status_code == 200


async def test_a_session_slides_for_thirty_days_and_ends_after_ninety(
    app: ASGIApp, admin: Visitor, clock: Clock
) -> None:
    visitor, token = await by_body(app)
    for _ in range(3):
        clock.advance(timedelta(days=29, hours=23).total_seconds())
        answer = await refresh(visitor, token)
        assert answer.status_code == 200
        token = answer.json()["refresh_token"]
    clock.advance(timedelta(hours=4).total_seconds())
    assert code(await refresh(visitor, token)) == (401, "session_ended")


async def test_an_idle_session_ends_after_thirty_days(app: ASGIApp, admin: Visitor, clock: Clock) -> None:
    visitor, token = await by_body(app)
    clock.advance(timedelta(days=30).total_seconds())
    assert code(await refresh(visitor, token)) == (401, "session_ended")


@pytest.mark.parametrize("token", ["kyros_refresh_guess", "x", "kyros_key_x"])
async def test_an_unknown_refresh_token_is_refused(app: ASGIApp, admin: Visitor, token: str) -> None:
    assert code(await refresh(Visitor(app), token)) == (401, "session_ended")


async def test_a_refresh_without_any_token_says_what_is_missing(app: ASGIApp, admin: Visitor) -> None:
    assert code(await Visitor(app)("POST", REFRESH)) == (401, "session_ended")


async def test_signing_out_ends_the_session_in_every_tab(vic: Visitor, rooms: Rooms) -> None:
    csrf = (await vic.sign_in("vic", transport="cookie")).json()["csrf_token"]
    kept = dict(vic.http.cookies)
    answer = await vic("POST", LOGOUT, X_CSRF_Token=csrf)
    assert answer.json() == {"ok": True}
    assert 'kyros_refresh=""' in answer.headers["Set-Cookie"]
    assert code(await vic("GET", "/api/runs")) == (401, "unauthenticated")
    vic.http.cookies.update(kept)
    assert code(await vic("POST", REFRESH, X_CSRF_Token=csrf)) == (401, "session_ended")
    assert (await vic("POST", LOGOUT, X_CSRF_Token=csrf)).json() == {"ok": True}
    assert len(await rooms.told("signed_out")) == 1


async def test_signing_out_without_a_session_is_fine(app: ASGIApp, admin: Visitor) -> None:
    assert (await Visitor(app)("POST", LOGOUT)).json() == {"ok": True}
    assert (await Visitor(app)("POST", LOGOUT, {"refresh_token": "x"})).json() == {"ok": True}


async def test_a_disabled_person_cannot_refresh_not_even_when_let_in_again(
    app: ASGIApp, admin: Visitor
) -> None:
    await add(admin, "vic", Role.VIEWER)
    visitor = Visitor(app)
    token = (await visitor.sign_in("vic")).json()["refresh_token"]
    await admin("PATCH", "/api/auth/people/vic", {"disabled": True})
    assert code(await refresh(visitor, token)) == (401, "session_ended")
    await admin("PATCH", "/api/auth/people/vic", {"disabled": False})
    assert code(await refresh(visitor, token)) == (401, "session_ended")


async def test_after_a_new_role_a_refresh_is_enough(app: ASGIApp, admin: Visitor) -> None:
    await add(admin, "vic", Role.VIEWER)
    visitor = Visitor(app)
    token = (await visitor.sign_in("vic")).json()["refresh_token"]
    await admin("PATCH", "/api/auth/people/vic", {"role": "operator"})
    visitor.token = (await refresh(visitor, token)).json()["access_token"]
    assert (await visitor("POST", "/api/shared/app")).text == "done"


def forged(
    change: dict[str, Any], key: bytes = SIGNING.secret, kid: str = SIGNING.id, alg: str = "HS256"
) -> Any:
    def make(token: str) -> str:
        claims = {**jwt.decode(token, options={"verify_signature": False}), **change}
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(claims, key, alg, headers={"kid": kid})

    return make


def unsigned(token: str) -> str:
    """alg: none, as the old attack has it."""
    header = urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT", "kid": SIGNING.id}).encode())
    return f"{header.decode().rstrip('=')}.{token.split('.')[1]}."


FORGERIES = {
    "alg none": unsigned,
    "alg none with the old signature": lambda token: unsigned(token) + token.split(".")[2],
    "another key": forged({}, b"t" * 32),
    "another key id": forged({}, kid="key-2"),
    "another algorithm": forged({}, b"s" * 64, alg="HS512"),
    "expired": forged({"exp": 1}),
    "never expires": forged({"exp": None}),
    "expires as text": forged({"exp": "9999999999"}),
    "another audience": forged({"aud": "somewhere-else"}),
    "no audience": forged({"aud": None}),
    "another issuer": forged({"iss": "somebody"}),
    "another person": forged({"sub": "eve"}),
    "another version": forged({"ver": 99}),
    "no version": forged({"ver": None}),
    "another session": forged({"sid": "ses_0"}),
    "no session": forged({"sid": None}),
    "a changed body": lambda token: ".".join(
        [token.split(".")[0], token.split(".")[1] + "x", token.split(".")[2]]
    ),
    "no signature": lambda token: token.rpartition(".")[0] + ".",
    "only dots": lambda token: "..",
    "a bomb": lambda token: "a." + "A" * 200_000 + ".b",
}


@pytest.mark.parametrize("how", FORGERIES)
async def test_a_forged_access_token_is_refused(app: ASGIApp, admin: Visitor, how: str) -> None:
    assert admin.token is not None
    visitor = Visitor(app, FORGERIES[how](admin.token))
    assert code(await visitor("GET", "/api/runs")) == (401, "unauthenticated")
    assert (await Visitor(app, forged({})(admin.token))("GET", "/api/runs")).text == "secret"


async def test_failed_sign_ins_make_the_next_one_wait_and_never_for_good(
    app: ASGIApp, admin: Visitor, clock: Clock
) -> None:
    visitor = Visitor(app)
    waits = []
    for _ in range(12):
        answer = await visitor.sign_in("ada", "not the password")
        if answer.status_code == 429:
            assert answer.json()["code"] == "too_many_requests"
            waits.append(int(answer.headers["Retry-After"]))
            clock.advance(waits[-1])
            answer = await visitor.sign_in("ada", "not the password")
        assert code(answer) == (401, "sign_in_failed")
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (1, 30)
    clock.advance(30)
    assert (await visitor.sign_in("ada")).status_code == 200
    assert code(await visitor.sign_in("ada", "not the password")) == (401, "sign_in_failed")


async def test_while_one_waits_the_right_password_waits_too(
    app: ASGIApp, admin: Visitor, clock: Clock
) -> None:
    visitor = Visitor(app)
    for _ in range(5):
        await visitor.sign_in("ada", "not the password")
    assert code(await visitor.sign_in("ada")) == (429, "too_many_requests")
    clock.advance(1)
    assert (await visitor.sign_in("ada")).status_code == 200


async def test_a_hundred_tries_at_once_gain_nothing(app: ASGIApp, admin: Visitor) -> None:
    visitor = Visitor(app)
    answers = await asyncio.gather(*(visitor.sign_in("ada", f"guess number {n}") for n in range(100)))
    assert sorted({answer.status_code for answer in answers}) == [401, 429]
    assert sum(answer.status_code == 401 for answer in answers) == 5


async def test_signing_in_and_out_is_told(app: ASGIApp, admin: Visitor, rooms: Rooms) -> None:
    visitor, token = await by_body(app)
    await visitor("POST", LOGOUT, {"refresh_token": token})
    signed_in = (await rooms.told("signed_in"))[-1]
    (signed_out,) = await rooms.told("signed_out")
    assert (signed_in.actor, signed_in.details["address"]) == ("ada", "203.0.113.9")
    assert signed_out.details["session_id"] == signed_in.details["session_id"]


async def test_a_failed_sign_in_is_told_but_not_a_name_that_is_nobodys(
    app: ASGIApp, admin: Visitor, rooms: Rooms
) -> None:
    await Visitor(app).sign_in("ada", "not the password")
    await Visitor(app).sign_in("hunter2-typed-here", "ada")
    told = [(event.actor, dict(event.details)) for event in await rooms.told("sign_in_failed")]
    assert told == [("ada", {"address": "203.0.113.9"}), ("203.0.113.9", {"address": "203.0.113.9"})]


async def test_the_body_of_a_sign_in_is_strict(app: ASGIApp) -> None:
    for body in (
        {"name": "ada"},
        {"name": "ada", "password": PASSWORD, "otp": 1},
        {"name": 1, "password": "x"},
    ):
        answer = await Visitor(app)("POST", LOGIN, body)
        assert code(answer) == (422, "invalid_request")
        assert PASSWORD not in answer.text
