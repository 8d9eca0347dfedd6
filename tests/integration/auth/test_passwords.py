"""Argon2, off the loop: what matches, what never does, and how many at a time."""

import asyncio

from kyros.auth.adapters import ArgonPasswords
from kyros.auth.errors import SignInBusy
from tests.integration.auth.conftest import PASSWORD, quick_passwords


async def test_a_password_matches_its_own_hash_alone() -> None:
    passwords = quick_passwords()
    hashed, again = await passwords.hash(PASSWORD), await passwords.hash(PASSWORD)
    assert hashed != again
    assert hashed.startswith("$argon2id$")
    assert await passwords.verify(PASSWORD, hashed)
    for wrong in (PASSWORD.upper(), f"{PASSWORD} ", "", PASSWORD[:-1]):
        assert not await passwords.verify(wrong, hashed)


async def test_where_there_is_no_hash_nothing_matches() -> None:
    passwords = quick_passwords()
    for tried in ("a password that nobody has", "", PASSWORD):
        assert not await passwords.verify(tried, None)


async def test_what_is_no_hash_matches_nothing() -> None:
    assert not await quick_passwords().verify(PASSWORD, PASSWORD)


async def test_however_its_letters_are_composed_it_is_the_same() -> None:
    passwords = quick_passwords()
    assert await passwords.verify(
        "cafe\u0301 au lait, please", await passwords.hash("caf\u00e9 au lait, please")
    )


async def test_a_crowd_is_told_to_come_back_and_then_served() -> None:
    passwords = quick_passwords()
    hashed = await passwords.hash(PASSWORD)
    found = await asyncio.gather(
        *(passwords.verify(PASSWORD, hashed) for _ in range(60)), return_exceptions=True
    )
    assert found.count(True) == 32
    assert sum(isinstance(one, SignInBusy) for one in found) == 28
    assert await passwords.verify(PASSWORD, hashed)


async def test_in_earnest_a_hash_takes_memory_worth_the_name() -> None:
    hashed = await ArgonPasswords().hash(PASSWORD)
    memory_kib = int(hashed.split("$")[3].split(",")[0].removeprefix("m="))
    assert memory_kib >= 19 * 1024
