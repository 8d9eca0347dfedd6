"""What every Tokens keeps to: the fake, and the store on each database."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
from sqlalchemy import Connection

from kyros.auth.errors import NameRefused, NameTaken, Unauthenticated
from kyros.auth.fake import FakeTokens
from kyros.auth.model import Principal, PrincipalKind, Role
from kyros.auth.ports import Tokens
from kyros.auth.service import AgentTokens, Auth
from kyros.auth.store import SqlAuthStore
from kyros.infra.db import Database
from tests.stand_ins import Outbox


@dataclass
class Rig:
    """`write` runs work in a transaction; `who` says whom a token stands for by now."""

    tokens: Tokens
    write: Callable[[Callable[[object], object]], Awaitable[object]]
    who: Callable[[str], Awaitable[Principal | None]]
    take: Callable[[str], Awaitable[None]]


def fake_rig() -> Rig:
    fake = FakeTokens("ada")

    async def write(work: Callable[[object], object]) -> object:
        return work(None)

    async def who(token: str) -> Principal | None:
        return fake.principal_of(token)

    async def take(name: str) -> None:
        assert name == "ada"

    return Rig(fake, write, who, take)


def sql_rig(database: Database) -> Rig:
    store = SqlAuthStore(database, Outbox())

    async def write(work: Callable[[object], object]) -> object:
        return await database.write(work)

    async def who(token: str) -> Principal | None:
        try:
            return await Auth([], store).identify(token)
        except Unauthenticated:
            return None

    async def take(name: str) -> None:
        await store.write(lambda ledger: ledger.take_name(name, PrincipalKind.PERSON))

    return Rig(AgentTokens(store), write, who, take)


@pytest.fixture(params=["fake", "sqlite", "postgres"])
def rig(request: pytest.FixtureRequest) -> Rig:
    if request.param == "fake":
        return fake_rig()
    return sql_rig(request.getfixturevalue("database" if request.param == "sqlite" else "postgres"))


async def mint(rig: Rig, name: str, role: Role | None = Role.AGENT, **projects: Role) -> str:
    return str(
        await rig.write(lambda transaction: rig.tokens.mint_in(transaction, "agent", name, role, projects))
    )


async def test_a_token_stands_for_its_agent(rig: Rig) -> None:
    token = await mint(rig, "bot", None, app=Role.AGENT)
    assert token.startswith("kyros_agent_")
    assert await rig.who(token) == Principal("bot", None, PrincipalKind.AGENT, {"app": Role.AGENT})


async def test_a_second_token_is_another_and_the_first_is_dead(rig: Rig) -> None:
    first, second = await mint(rig, "bot"), await mint(rig, "bot")
    assert (await rig.who(first), first == second) == (None, False)
    assert await rig.who(second) == Principal("bot", Role.AGENT, PrincipalKind.AGENT)


async def test_a_revoked_token_stands_for_nobody_and_may_be_revoked_again(rig: Rig) -> None:
    token, other = await mint(rig, "bot"), await mint(rig, "other")
    for _ in range(2):
        await rig.write(lambda transaction: rig.tokens.revoke_in(transaction, "bot"))
    assert await rig.who(token) is None
    assert await rig.who(other) is not None


async def test_an_agent_that_comes_back_has_its_name(rig: Rig) -> None:
    await mint(rig, "bot")
    await rig.write(lambda transaction: rig.tokens.revoke_in(transaction, "bot"))
    assert await rig.who(await mint(rig, "bot")) is not None


async def test_a_name_of_somebody_else_is_refused(rig: Rig) -> None:
    await rig.take("ada")
    with pytest.raises(NameTaken):
        await mint(rig, "ada")


@pytest.mark.parametrize("name", ["operator", "Bot", "", "../x"])
async def test_what_is_no_name_is_refused(rig: Rig, name: str) -> None:
    with pytest.raises(NameRefused):
        await mint(rig, name)


async def test_a_refused_transaction_leaves_the_old_token_alive(any_database: Database) -> None:
    rig = sql_rig(any_database)
    token = await mint(rig, "bot")

    def work(transaction: Connection) -> None:
        rig.tokens.mint_in(transaction, "agent", "bot", Role.AGENT, {})
        raise OSError("refused further on")

    with pytest.raises(OSError, match="refused"):
        await any_database.write(work)
    assert await rig.who(token) is not None
