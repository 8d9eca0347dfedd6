"""From a bearer token to the one it stands for."""

import hmac

import pytest

from kyros.auth import service
from kyros.auth.errors import Unauthenticated
from kyros.auth.model import Principal, Role
from kyros.auth.service import Auth, operator

AUTH = Auth([operator("first-secret"), operator("second-secret")])


@pytest.mark.parametrize("token", ["first-secret", "second-secret"])
def test_a_known_token_is_its_principal(token: str) -> None:
    assert AUTH.identify(token) == Principal("operator", Role.OPERATOR)


@pytest.mark.parametrize(
    "token", ["", "first", "first-secret ", "FIRST-SECRET", "first-secretÿ", "x" * 100_000]
)
def test_any_other_token_is_nobody(token: str) -> None:
    with pytest.raises(Unauthenticated):
        AUTH.identify(token)


def test_without_credentials_nobody_comes_in() -> None:
    with pytest.raises(Unauthenticated):
        Auth([]).identify("")


def test_every_credential_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []
    real = hmac.compare_digest

    def watched(left: bytes, right: bytes) -> bool:
        compared.append((left, right))
        return real(left, right)

    monkeypatch.setattr(service.hmac, "compare_digest", watched)
    AUTH.identify("first-secret")
    assert len(compared) == 2
    assert {len(side) for pair in compared for side in pair} == {32}


def test_neither_the_error_nor_the_credential_shows_the_token() -> None:
    with pytest.raises(Unauthenticated) as refused:
        AUTH.identify("guessed-secret")
    assert "guessed-secret" not in f"{refused.value} {refused.value.facts}"
    assert "first-secret" not in repr(operator("first-secret"))
