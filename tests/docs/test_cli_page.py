"""docs/reference/cli.md has every command with its arguments, options and their meaning, and no other."""

from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from kyros.entrypoints.cli.app import app
from tests.docs.markdown import REFERENCE, rows, sections, words

COMPLETION = {"--install-completion", "--show-completion"}
"""The library's own words, the same for every program."""


def walk(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every command below, groups included, hidden ones left out."""
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        if not below.hidden:
            yield from walk(below, f"{path} {name}")


COMMANDS = {
    path: command
    for path, command in walk(typer.main.get_command(app), "kyros")
    if path == "kyros" or not getattr(command, "commands", {})
}


def signature(path: str, command: Any) -> str:
    """`kyros stop [RUN_ID]`: the command and its arguments."""
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    shown = [one.name.upper() if one.required else f"[{one.name.upper()}]" for one in arguments]
    return " ".join([path, *shown])


def described(command: Any) -> dict[str, str]:
    """Names of each argument and option -> its help."""
    found = {}
    for one in command.params:
        is_argument = one.param_type_name == "argument"
        names = one.name.upper() if is_argument else " ".join(one.opts)
        if names not in COMPLETION and names != "--help":
            found[names] = one.help or ""
    return found


def listed() -> dict[str, str]:
    """Signature -> its section."""
    return {words(title)[0]: body for title, body in sections(REFERENCE / "cli.md").items()}


def test_every_command_has_its_section_and_no_section_is_without_command() -> None:
    assert set(listed()) == {signature(path, command) for path, command in COMMANDS.items()}


@pytest.mark.parametrize("path", COMMANDS)
def test_its_options_are_those_of_the_code(path: str) -> None:
    command = COMMANDS[path]
    body = listed()[signature(path, command)]
    assert {" ".join(words(names)): meaning for names, meaning in rows(body)} == described(command)


@pytest.mark.parametrize("path", [path for path in COMMANDS if path != "kyros"])
def test_its_first_words_are_its_help(path: str) -> None:
    command = COMMANDS[path]
    body = listed()[signature(path, command)]
    assert body.strip().startswith(" ".join((command.help or "").split()))
