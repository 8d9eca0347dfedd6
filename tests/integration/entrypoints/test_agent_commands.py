"""`kyros agent …` against the real server: who is registered, changed, renewed, removed."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from kyros.entrypoints.cli.app import app as commands
from kyros.entrypoints.cli.client import Client
from kyros.entrypoints.cli.failures import Refused, Usage
from tests.integration.hostile.served import Served

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("agents"))
    yield served
    served.close()


@pytest.fixture
def kyros(served: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs a command: what it printed on standard output, or with --json what that means. Raises its
    refusal."""
    monkeypatch.setenv("KYROS_URL", served.url)
    monkeypatch.setenv("KYROS_TOKEN", served.token)
    monkeypatch.setenv("KYROS_HOME", str(tmp_path))

    def run(*words: str) -> Any:
        done = CliRunner().invoke(commands, ["agent", *words])
        if done.exception is not None:
            raise done.exception
        return json.loads(done.stdout) if "--json" in words else done.stdout

    return run


def test_the_token_alone_is_printed_and_lets_the_agent_in(
    kyros: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    token = kyros("register", "ada", "-s", "python", "-s", "go", "--profile", "codex", "-p", "app").strip()
    assert token.startswith("kyros_agent_")
    shown = kyros("show", "ada")
    for words in ("ada is offline and takes work", "skills: python, go", "projects: app", "seen: never"):
        assert words in shown
    monkeypatch.setenv("KYROS_TOKEN", token)
    client = Client(tmp_path)
    assert client.get("/api/auth/me")["name"] == "ada"
    client.close()
    assert "ada is idle and takes no work" in kyros("availability", "ada", "--no")
    with pytest.raises(Refused, match="right to operate"):
        kyros("edit", "ada", "--role", "manager")


def test_lists_are_added_to_and_removed_from(kyros: Run) -> None:
    kyros("register", "ben", "-s", "python", "-p", "app")
    after = kyros(
        "edit", "ben", "-s", "go", "--unskill", "python", "-p", "docs", "--role", "manager", "--json"
    )
    assert (after["skills"], after["projects"], after["role"]) == (["go"], ["app", "docs"], "manager")
    assert kyros("edit", "ben", "--profile", "codex", "--json")["profile"] == "codex"
    assert kyros("edit", "ben", "--profile", "", "--json")["profile"] is None


def test_an_agent_is_let_into_every_project_only_by_that_word(kyros: Run) -> None:
    kyros("register", "cyd", "-p", "app")
    with pytest.raises(Usage, match="--everywhere"):
        kyros("edit", "cyd", "--unproject", "app")
    assert kyros("show", "cyd", "--json")["projects"] == ["app"]
    assert kyros("edit", "cyd", "--everywhere", "--json")["projects"] == []
    for words in (["--everywhere", "-p", "app"], []):
        with pytest.raises(Usage):
            kyros("edit", "cyd", *words)


def test_agents_are_listed_by_what_they_are(kyros: Run) -> None:
    kyros("register", "dan", "-s", "lisp", "--role", "manager", "-p", "moon")
    kyros("availability", "dan", "--no")
    assert [one["name"] for one in kyros("list", "-s", "lisp", "--unavailable", "--json")] == ["dan"]
    assert [one["name"] for one in kyros("list", "--role", "manager", "-p", "moon", "--json")] == ["dan"]
    assert "dan" in kyros("list", "--status", "offline")
    assert "No such agents" in kyros("list", "-s", "cobol")


def test_a_new_token_replaces_the_old_and_a_removed_agent_is_gone(
    kyros: Run, monkeypatch: pytest.MonkeyPatch, served: Served
) -> None:
    old = kyros("register", "eli", "--json")["token"]
    new = kyros("token", "eli").strip()
    monkeypatch.setenv("KYROS_TOKEN", old)
    with pytest.raises(Refused) as refusal:
        kyros("show", "eli")
    assert refusal.value.facts["status"] == 401
    monkeypatch.setenv("KYROS_TOKEN", new)
    assert kyros("show", "eli", "--json")["status"] == "idle"
    monkeypatch.setenv("KYROS_TOKEN", served.token)
    assert "eli is removed" in kyros("remove", "eli")
    with pytest.raises(Refused, match="no agent eli"):
        kyros("show", "eli")
