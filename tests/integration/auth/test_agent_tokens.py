"""Tokens of agents at the gate."""

from starlette.types import ASGIApp

from kyros.auth.model import Role
from tests.integration.auth.conftest import Rooms, Visitor


async def mint(rooms: Rooms, name: str, role: Role | None, projects: dict[str, Role]) -> str:
    return await rooms.store._database.write(
        lambda transaction: rooms.agents.mint_in(transaction, "agent", name, role, projects)
    )


async def test_an_agent_works_where_its_token_says(app: ASGIApp, rooms: Rooms) -> None:
    bot = Visitor(app, await mint(rooms, "bot", None, {"app": Role.AGENT}))
    me = (await bot("GET", "/api/auth/me")).json()
    assert (me["name"], me["kind"], me["role"], me["projects"]) == ("bot", "agent", None, {"app": "agent"})
    assert (await bot("POST", "/api/shared/app")).text == "done"
    for method in ("GET", "POST"):
        refused = await bot(method, "/api/shared/other")
        assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")


async def test_an_agent_of_all_projects_works_in_each(app: ASGIApp, rooms: Rooms) -> None:
    bot = Visitor(app, await mint(rooms, "bot", Role.AGENT, {}))
    assert (await bot("POST", "/api/shared/whatever")).text == "done"
    assert (await bot("GET", "/api/auth/people")).status_code == 403


async def test_a_new_token_is_the_only_one(app: ASGIApp, rooms: Rooms) -> None:
    old = Visitor(app, await mint(rooms, "bot", Role.AGENT, {}))
    assert (await old("GET", "/api/runs")).text == "secret"
    new = Visitor(app, await mint(rooms, "bot", Role.AGENT, {}))
    assert (await old("GET", "/api/runs")).status_code == 401
    assert (await new("GET", "/api/runs")).text == "secret"


async def test_a_revoked_token_is_dead_with_the_next_request(app: ASGIApp, rooms: Rooms) -> None:
    bot = Visitor(app, await mint(rooms, "bot", Role.AGENT, {}))
    assert (await bot("GET", "/api/runs")).text == "secret"
    await rooms.store._database.write(lambda transaction: rooms.agents.revoke_in(transaction, "bot"))
    assert (await bot("GET", "/api/runs")).status_code == 401


async def test_a_token_is_nobodys_under_another_prefix(app: ASGIApp, rooms: Rooms) -> None:
    token = await mint(rooms, "bot", Role.AGENT, {})
    for wrong in (token.replace("agent", "key"), token.upper(), token[:-1], f"{token}x", token[6:]):
        assert (await Visitor(app, wrong)("GET", "/api/runs")).status_code == 401
