"""The operator's token file on a real disk."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kyros.auth.errors import TokenFileMissing, TokenFileRefused
from kyros.auth.store import OperatorToken, new_token


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "operator.token"


def test_the_first_start_writes_it_for_the_owner_alone(tmp_path: Path, path: Path) -> None:
    before = os.umask(0)
    try:
        token = OperatorToken(tmp_path).ensure()
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text() == f"{token}\n"
    assert [file.name for file in tmp_path.iterdir()] == ["operator.token"]


def test_later_starts_and_the_command_line_read_the_same(tmp_path: Path) -> None:
    token = OperatorToken(tmp_path).ensure()
    assert OperatorToken(tmp_path).ensure() == token
    assert OperatorToken(tmp_path).read() == token


def test_tokens_are_long_and_never_alike() -> None:
    assert new_token() != new_token()
    assert len(new_token()) == len("kyros_") + 43


def test_starts_at_the_same_time_agree_on_one(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        tokens = set(threads.map(lambda _: OperatorToken(tmp_path).ensure(), range(8)))
    assert len(tokens) == 1


def test_reading_before_the_first_start_says_what_to_do(tmp_path: Path, path: Path) -> None:
    with pytest.raises(TokenFileMissing, match="kyros up"):
        OperatorToken(tmp_path).read()
    assert not path.exists()


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o610])
def test_a_file_open_to_others_is_refused_and_left_alone(tmp_path: Path, path: Path, mode: int) -> None:
    token = OperatorToken(tmp_path).ensure()
    path.chmod(mode)
    with pytest.raises(TokenFileRefused, match="chmod 600"):
        OperatorToken(tmp_path).ensure()
    assert path.read_text() == f"{token}\n"
    path.chmod(0o600)
    assert OperatorToken(tmp_path).ensure() == token


@pytest.mark.parametrize("target", ["elsewhere", "missing"])
def test_a_symbolic_link_is_refused_and_never_followed(tmp_path: Path, path: Path, target: str) -> None:
    (tmp_path / "elsewhere").write_text(f"{new_token()}\n")
    path.symlink_to(tmp_path / target)
    with pytest.raises(TokenFileRefused, match="symbolic link"):
        OperatorToken(tmp_path).ensure()
    assert not (tmp_path / "missing").exists()


def test_a_folder_or_a_pipe_in_its_place_is_refused(tmp_path: Path, path: Path) -> None:
    path.mkdir()
    with pytest.raises(TokenFileRefused, match="is not a file"):
        OperatorToken(tmp_path).ensure()
    path.rmdir()
    os.mkfifo(path, 0o600)
    with pytest.raises(TokenFileRefused, match="is not a file"):
        OperatorToken(tmp_path).ensure()


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"password\n", b"kyros_short\n", b"\xff\xfe\x00", b"x" * 5_000]
)
def test_a_file_without_a_token_is_refused(tmp_path: Path, path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(TokenFileRefused, match="holds no token"):
        OperatorToken(tmp_path).ensure()
    assert path.read_bytes() == content


def test_a_home_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TokenFileRefused, match="cannot be written"):
        OperatorToken(tmp_path / "gone").ensure()
