"""What auth keeps, on each database: people, sessions, keys, the signing key."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from kyros.auth.errors import LastAdmin, NameTaken
from kyros.auth.model import (
    ApiKey,
    NewPerson,
    Person,
    PersonChange,
    PrincipalKind,
    RefreshToken,
    Right,
    Role,
    Session,
    Transport,
)
from kyros.auth.service import People, Throttle
from kyros.auth.store import SigningKeyRow, SqlAuthStore
from kyros.infra.db import Database
from kyros.kernel.clock import to_text
from tests.stand_ins import Clock, Outbox


class Plain:
    """Passwords as they are: no test here is about hashing."""

    async def hash(self, password: str) -> str:
        return password

    async def verify(self, password: str, hashed: str | None) -> bool:
        return password == hashed


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(any_database: Database, clock: Clock) -> SqlAuthStore:
    return SqlAuthStore(any_database, Outbox(), clock)


@pytest.fixture
def people(store: SqlAuthStore, clock: Clock) -> People:
    return People(store, Plain(), Throttle(clock))


def new(name: str, role: Role | None = Role.ADMIN) -> NewPerson:
    return NewPerson(name, name.title(), None, role, f"a long password of {name[::-1]}")


async def test_a_person_comes_back_as_they_were(store: SqlAuthStore, clock: Clock) -> None:
    at = to_text(clock())
    ada = Person(
        "ada", "Ada % ? L.", "a@b", None, {"app": Role.VIEWER, "docs": Role.ADMIN}, "hash", 7, at, at, at
    )
    await store.write(lambda ledger: (ledger.take_name("ada", PrincipalKind.PERSON), ledger.put_person(ada)))
    assert await store.read(lambda ledger: ledger.person("ada")) == ada
    later = replace(ada, projects={"app": Role.AGENT}, version=8, disabled_at=None, role=Role.ADMIN)
    await store.write(lambda ledger: ledger.put_person(later))
    assert await store.read(lambda ledger: (ledger.person("ada"), ledger.people("", 5))) == (later, [later])
    assert await store.read(lambda ledger: (ledger.has_people(), ledger.admins())) == (True, ["ada"])


async def test_an_empty_store_has_nobody(store: SqlAuthStore) -> None:
    assert await store.read(lambda ledger: (ledger.has_people(), ledger.admins(), ledger.person("x"))) == (
        False,
        [],
        None,
    )


async def test_of_two_who_take_a_name_at_once_one_has_it(people: People) -> None:
    found = await asyncio.gather(
        *(people.add(new("ada"), "operator") for _ in range(8)), return_exceptions=True
    )
    assert sum(isinstance(one, Person) for one in found) == 1
    assert sum(isinstance(one, NameTaken) for one in found) == 7


async def test_two_admins_who_demote_each_other_at_once_leave_one(people: People) -> None:
    for name in ("ada", "bea"):
        await people.add(new(name), "operator")
    change = PersonChange({"role": Role.VIEWER})
    found = await asyncio.gather(
        people.change("ada", change, "bea"), people.change("bea", change, "ada"), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in found) == ["LastAdmin", "Person"]
    assert any(isinstance(one, LastAdmin) for one in found)


async def test_an_event_that_cannot_be_written_takes_the_person_back(
    any_database: Database, clock: Clock
) -> None:
    outbox = Outbox()
    store = SqlAuthStore(any_database, outbox, clock)
    outbox.broken = True
    with pytest.raises(OSError, match="no room"):
        await People(store, Plain(), Throttle(clock)).add(new("ada"), "operator")
    assert await store.read(lambda ledger: (ledger.has_people(), ledger.kind_of("ada"))) == (False, None)


async def test_sessions_end_together_and_stay_ended(
    store: SqlAuthStore, people: People, clock: Clock
) -> None:
    await people.add(new("ada"), "operator")
    later = to_text(clock() + timedelta(days=1))
    sessions = [Session(f"ses_{n}", "ada", Transport.BODY, to_text(clock()), later) for n in range(2)]
    for session in sessions:
        await store.write(lambda ledger, session=session: ledger.add_session(session))
    await store.write(lambda ledger: ledger.end_session("ses_0"))
    ended = to_text(clock())
    clock.advance(5)
    await store.write(lambda ledger: ledger.end_sessions_of("ada"))
    found = [await store.read(lambda ledger, one=one: ledger.session(one.id)) for one in sessions]
    assert [one and one.ended_at for one in found] == [ended, to_text(clock())]


async def test_a_token_is_spent_once_and_dropped_when_it_expires(store: SqlAuthStore, clock: Clock) -> None:
    token = RefreshToken("d" * 64, "ses_0", to_text(clock() + timedelta(seconds=60)))
    await store.write(lambda ledger: ledger.add_refresh_token(token))
    await store.write(lambda ledger: ledger.spend_refresh_token(token.digest))
    spent = to_text(clock())
    clock.advance(59)
    await store.write(lambda ledger: (ledger.spend_refresh_token(token.digest), ledger.drop_expired()))
    assert await store.read(lambda ledger: ledger.refresh_token(token.digest)) == replace(
        token, spent_at=spent
    )
    clock.advance(1)
    await store.write(lambda ledger: ledger.drop_expired())
    assert await store.read(lambda ledger: ledger.refresh_token(token.digest)) is None


@pytest.mark.parametrize("scopes", [None, frozenset(), frozenset({Right.READ, Right.TASKS})])
async def test_a_key_comes_back_as_it_was(store: SqlAuthStore, scopes: frozenset[Right] | None) -> None:
    key = ApiKey("key_1", "ci", "kyros_key_ab", "e" * 64, "ada", None, {"app": Role.AGENT}, scopes, "1", "2")
    await store.write(lambda ledger: (ledger.take_name("ci", PrincipalKind.KEY), ledger.put_key(key)))
    for find in (
        lambda ledger: ledger.key("key_1"),
        lambda ledger: ledger.key_by_digest("e" * 64),
        lambda ledger: ledger.keys("ada", "", 5)[0],
        lambda ledger: ledger.keys(None, "", 5)[0],
        lambda ledger: ledger.keys_named("ci")[0],
    ):
        assert await store.read(find) == key
    assert await store.read(lambda ledger: (ledger.keys("bea", "", 5), ledger.keys(None, "key_1", 5))) == (
        [],
        [],
    )


async def test_servers_that_start_at_once_sign_with_one_key(any_database: Database, clock: Clock) -> None:
    found = await asyncio.gather(*(SigningKeyRow(any_database, clock).ensure() for _ in range(5)))
    assert len({(key.id, key.secret) for key in found}) == 1
    assert len(found[0].secret) == 32
    assert found[0].secret.hex() not in repr(found[0])
