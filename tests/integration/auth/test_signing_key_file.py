"""`auth.key`: made once, 0600, the same for whoever starts next."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kyros.auth.errors import TokenFileRefused
from kyros.auth.store import SigningKeyFile


def test_it_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    first = SigningKeyFile(tmp_path).ensure()
    assert stat.S_IMODE((tmp_path / "auth.key").stat().st_mode) == 0o600
    assert SigningKeyFile(tmp_path).ensure() == first
    assert len(first.secret) == 32
    assert [path.name for path in tmp_path.iterdir()] == ["auth.key"]


def test_two_that_start_at_once_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(lambda _: SigningKeyFile(tmp_path).ensure(), range(8)))
    assert len(keys) == 1


def test_its_name_tells_nothing_of_it(tmp_path: Path) -> None:
    key = SigningKeyFile(tmp_path).ensure()
    assert key.id not in key.secret.hex()
    assert key.secret.hex() not in repr(key)


@pytest.mark.parametrize("content", ["", "short", "g" * 64, "a" * 65])
def test_one_that_holds_no_key_is_refused_and_left_alone(tmp_path: Path, content: str) -> None:
    path = tmp_path / "auth.key"
    path.touch(0o600)
    path.write_text(content)
    with pytest.raises(TokenFileRefused, match=r"auth\.key holds no key"):
        SigningKeyFile(tmp_path).ensure()
    assert path.read_text() == content


def test_one_that_others_may_read_is_refused(tmp_path: Path) -> None:
    SigningKeyFile(tmp_path).ensure()
    (tmp_path / "auth.key").chmod(0o644)
    with pytest.raises(TokenFileRefused, match="open to other users"):
        SigningKeyFile(tmp_path).ensure()
