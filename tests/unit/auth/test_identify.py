"""From a bearer token to the one it stands for."""

import hmac

import pytest

from kyros.auth.errors import Unauthenticated
from kyros.auth.model import Principal, PrincipalKind, Role
from kyros.auth.service import Auth, identify, operator

AUTH = Auth([operator("first-secret"), operator("second-secret")])


@pytest.mark.parametrize("token", ["first-secret", "second-secret"])
async def test_a_known_token_is_its_principal(token: str) -> None:
    assert await AUTH.identify(token) == Principal("operator", Role.ADMIN, PrincipalKind.OWNER)


@pytest.mark.parametrize(
    "token",
    ["", "first", "first-secret ", "FIRST-SECRET", "first-secretÿ", "x" * 100_000, "kyros_key_x", "a.b.c"],
)
async def test_any_other_token_is_nobody(token: str) -> None:
    with pytest.raises(Unauthenticated):
        await AUTH.identify(token)


async def test_without_credentials_nobody_comes_in() -> None:
    with pytest.raises(Unauthenticated):
        await Auth([]).identify("")


async def test_every_credential_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []
    real = hmac.compare_digest

    def watched(left: bytes, right: bytes) -> bool:
        compared.append((left, right))
        return real(left, right)

    monkeypatch.setattr(identify.hmac, "compare_digest", watched)
    await AUTH.identify("first-secret")
    assert len(compared) == 2
    assert {len(side) for pair in compared for side in pair} == {32}


async def test_neither_the_error_nor_the_credential_shows_the_token() -> None:
    with pytest.raises(Unauthenticated) as refused:
        await AUTH.identify("guessed-secret")
    assert "guessed-secret" not in f"{refused.value} {refused.value.facts}"
    assert "first-secret" not in repr(operator("first-secret"))
