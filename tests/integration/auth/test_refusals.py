"""What is refused is recorded: by whom, where and why, coalesced, and never with what was sent."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.types import ASGIApp

from kyros.auth.model import Role
from kyros.auth.service.refusals import Asked
from kyros.events.model import EventFilter
from kyros.infra.db import Database
from kyros.kernel.errors import DiskFull
from tests.integration.auth.conftest import PASSWORD, TOKEN, Rooms, Visitor, add, build
from tests.stand_ins import Clock


async def refused(rooms: Rooms) -> list[tuple[str, dict[str, Any]]]:
    return [(event.actor, dict(event.details)) for event in await rooms.told("access_refused")]


async def test_a_refusal_at_the_gate_names_the_address(app: ASGIApp, rooms: Rooms) -> None:
    await Visitor(app)("GET", "/api/runs?token=in-the-query")
    assert await refused(rooms) == [
        (
            "203.0.113.9",
            {
                "code": "unauthenticated",
                "method": "GET",
                "path": "/api/runs",
                "via": "nobody",
                "address": "203.0.113.9",
            },
        )
    ]


async def test_a_refusal_at_a_door_names_the_caller(app: ASGIApp, rooms: Rooms, admin: Visitor) -> None:
    await add(admin, "vic", Role.VIEWER)
    vic = Visitor(app)
    await vic.sign_in("vic")
    await vic("POST", "/api/shared/app")
    ((who, details),) = await refused(rooms)
    assert (who, details["code"], details["via"], details["path"]) == (
        "vic",
        "not_allowed",
        "person",
        "/api/shared/app",
    )


async def test_too_many_requests_are_recorded(database: Database, clock: Clock) -> None:
    rooms = Rooms(database, clock, {"read": "1/minute", "write": "1/minute", "sign-in": "1/minute"})
    visitor = Visitor(build(rooms), TOKEN)
    for _ in range(3):
        await visitor("GET", "/api/runs")
    assert [(who, details["code"]) for who, details in await refused(rooms)] == [
        ("operator", "too_many_requests")
    ]


async def test_a_refused_socket_is_recorded_once(app: ASGIApp, rooms: Rooms) -> None:
    with (
        TestClient(app, base_url="http://localhost:8000") as client,
        pytest.raises(WebSocketDenialResponse),
        client.websocket_connect("ws://localhost:8000/api/attach"),
    ):
        pass
    ((_, details),) = await refused(rooms)
    assert (details["method"], details["code"], "times" in details) == ("WEBSOCKET", "unauthenticated", False)


async def test_a_thousand_refusals_are_two_events(app: ASGIApp, rooms: Rooms, clock: Clock) -> None:
    visitor = Visitor(app)
    for _ in range(1_000):
        await visitor("GET", "/api/runs")
    assert len(await refused(rooms)) == 1
    clock.advance(59)
    await rooms.refusals.flush()
    assert len(await refused(rooms)) == 1
    clock.advance(1)
    await rooms.refusals.flush()
    first, second = await refused(rooms)
    assert ("times" in first[1], second[1]["times"]) == (False, 999)
    await rooms.refusals.flush()
    assert len(await refused(rooms)) == 2


async def test_after_a_quiet_minute_the_next_refusal_is_told_at_once(
    app: ASGIApp, rooms: Rooms, clock: Clock
) -> None:
    for _ in range(2):
        await Visitor(app)("GET", "/api/runs")
        clock.advance(61)
        await rooms.refusals.flush()
    assert len(await refused(rooms)) == 2


async def test_a_crowd_of_addresses_fills_no_disk(rooms: Rooms) -> None:
    for number in range(2_000):
        await rooms.refusals.access(
            None, "unauthenticated", Asked("GET", "/api/runs", f"10.0.{number >> 8}.{number}")
        )
    told = await refused(rooms)
    assert len(told) == 301
    assert told[-1] == ("others", {"code": "unauthenticated"})


async def test_what_waits_is_written_when_the_server_ends(app: ASGIApp, rooms: Rooms) -> None:
    for _ in range(3):
        await Visitor(app)("GET", "/api/runs")
    running = asyncio.create_task(rooms.refusals.run())
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert (await refused(rooms))[-1][1]["times"] == 2


async def test_who_is_refused_is_refused_on_a_full_disk_too(
    app: ASGIApp, rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*events: object) -> list[int]:
        raise DiskFull("full")

    monkeypatch.setattr(rooms.events, "append", full)
    assert (await Visitor(app)("GET", "/api/runs")).status_code == 401


async def test_a_failed_sign_in_is_no_refused_access(app: ASGIApp, rooms: Rooms, admin: Visitor) -> None:
    await Visitor(app).sign_in("ada", "not the password")
    assert await refused(rooms) == []


async def test_no_secret_is_in_the_log_or_the_events(
    app: ASGIApp, rooms: Rooms, owner: Visitor, clock: Clock, server_log: Path
) -> None:
    """All that is secret goes through all doors, rightly and wrongly."""
    secrets = await _use_everything(app, owner)
    events = repr(await rooms.events.page(0, 500, EventFilter()))
    log = server_log.read_text()
    assert "request_refused" in log
    assert len(secrets) > 8
    for secret in secrets:
        assert secret not in events
        assert secret not in log


async def _use_everything(app: ASGIApp, owner: Visitor) -> set[str]:
    await add(owner, "ada", Role.ADMIN)
    ada = Visitor(app)
    signed_in = (await ada.sign_in("ada")).json()
    wrong = Visitor(app, "kyros_key_wrong-token")
    await wrong("GET", "/api/runs")
    await wrong("GET", "/api/runs", Authorization="Basic d3Jvbmc6d3Jvbmc=")
    await wrong.sign_in("ada", "a wrong password")
    await wrong.sign_in("a password as a name", "x")
    key = (
        await ada("POST", "/api/keys", {"name": "ci", "role": "viewer", "expires_at": "2027-01-01T00:00:00Z"})
    ).json()
    await Visitor(app, key["token"])("POST", "/api/shared/app")
    browser = Visitor(app)
    cookie = (await browser.sign_in("ada", transport="cookie")).json()
    await browser("POST", "/api/auth/refresh", X_CSRF_Token="wrong")
    await ada("POST", "/api/auth/refresh", {"refresh_token": signed_in["refresh_token"]})
    await ada(
        "POST",
        "/api/auth/password",
        {"old_password": "an old password", "new_password": "the newest password"},
    )
    await ada("PUT", "/api/auth/people/ada/password", {"password": "one more password"})
    return {
        PASSWORD,
        TOKEN,
        "kyros_key_wrong-token",
        "d3Jvbmc6d3Jvbmc",
        "a wrong password",
        "a password as a name",
        key["token"],
        signed_in["access_token"],
        signed_in["refresh_token"],
        cookie["csrf_token"],
        str(browser.http.cookies["kyros_refresh"]),
        "an old password",
        "the newest password",
        "one more password",
        "argon2",
    }
