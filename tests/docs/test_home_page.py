"""docs/reference/home.md names every path under a home that the code spells."""

from pathlib import Path

from kyros.auth.store import OperatorToken, SigningKeyFile
from kyros.engine.adapters.embedded.place import socket_path
from kyros.entrypoints.home import Home
from tests.docs.markdown import table

ROOT = Path("/home")
KNOWN_TO_FILES = {"installation", "kyros.lock"}
"""Spelled where they are made: entrypoints/home.py and infra/files.py."""


def spelled() -> set[str]:
    named = [name for name, value in vars(Home).items() if isinstance(value, property)]
    paths = [getattr(Home(ROOT), name) for name in named]
    paths += [OperatorToken(ROOT).path, SigningKeyFile(ROOT).path, socket_path(ROOT)]
    return {str(path.relative_to(ROOT)) for path in paths} | KNOWN_TO_FILES


def test_every_path_of_the_code_stands_there() -> None:
    listed = {path.rstrip("/") for path in table("home.md")}
    assert spelled() <= listed


def test_every_path_there_begins_with_one_of_the_code(tmp_path: Path) -> None:
    tops = {path.partition("/")[0] for path in spelled()}
    assert {
        path.partition("/")[0].removesuffix("-wal").removesuffix("-shm") for path in table("home.md")
    } <= tops
