"""A program's exit as its driver sees it."""

from pathlib import Path

import pytest

from kyros.drivers.adapters.endings import program_exit
from kyros.drivers.adapters.profiles import load_profiles
from kyros.drivers.adapters.programs import command_line
from kyros.drivers.model import Launch


@pytest.mark.parametrize(
    ("code", "confined", "seen"),
    [
        (137, True, -9), (137, False, 137), (0, True, 0), (1, True, 1), (-9, True, -9), (None, True, None),
        (255, True, 255),
    ],
)  # fmt: skip
def test_a_sandbox_says_a_signal_as_a_shell_does(code: int | None, confined: bool, seen: int | None) -> None:
    assert program_exit(code, confined) == seen


def test_what_confines_a_program_stands_before_it() -> None:
    playbook = load_profiles().get("playbook")
    bare, confined = (
        command_line(playbook, Launch(Path("/"), {}, prefix=prefix)) for prefix in ((), ("a", "--"))
    )
    assert confined == ["a", "--", *bare]
