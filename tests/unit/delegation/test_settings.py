"""kyros.toml: what it may say, and errors that name the key."""

import pytest

from kyros.delegation.errors import SettingsInvalid
from kyros.delegation.model import ProjectSettings, parse_settings


def test_no_file_and_an_empty_one_mean_no_checks() -> None:
    assert parse_settings(None) == parse_settings(b"") == parse_settings(b"[checks]\n") == ProjectSettings()


def test_the_check_command_and_its_time_are_read() -> None:
    text = b'[checks]\ncommand = "make test && echo \xe2\x9c\x93"\ntimeout_seconds = 90\n'
    assert parse_settings(text) == ProjectSettings("make test && echo ✓", 90)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (b"[checks", "not valid TOML"),
        (b"\xff\xfe", "not valid TOML"),
        (b"[chekcs]\n", "`chekcs`; known: checks"),
        (b'checks = "make"\n', "`checks` must be a table"),
        (b'[checks]\ncomand = "x"\n', "`checks.comand`; known: checks.command, checks.timeout_seconds"),
        (b"[checks]\ncommand = 3\n", "`checks.command`"),
        (b'[checks]\ncommand = "  "\n', "`checks.command`"),
        (b'[checks]\ncommand = ["make", "test"]\n', "`checks.command`"),
        (b"[checks]\ntimeout_seconds = 0\n", "`checks.timeout_seconds`"),
        (b"[checks]\ntimeout_seconds = -1\n", "`checks.timeout_seconds`"),
        (b'[checks]\ntimeout_seconds = "1"\n', "`checks.timeout_seconds`"),
        (b"[checks]\ntimeout_seconds = true\n", "`checks.timeout_seconds`"),
        (b"[checks]\ntimeout_seconds = inf\n", "`checks.timeout_seconds`"),
        (b"[checks]\ntimeout_seconds = nan\n", "`checks.timeout_seconds`"),
    ],
)
def test_what_cannot_be_used_is_refused_naming_the_key(text: bytes, names: str) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        parse_settings(text)
    assert names in refused.value.message
