"""`kyros person …` and `kyros token …` against a server."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.types import ASGIApp
from typer.testing import CliRunner, Result

from kyros.entrypoints.cli.app import app as commands
from tests.integration.auth.conftest import PASSWORD, TOKEN

Run = Callable[..., Result]


@pytest.fixture
def run(app: ASGIApp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Run]:
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none", lifespan="off"))
    serving = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    serving.start()
    monkeypatch.setenv("KYROS_URL", f"http://127.0.0.1:{listening.getsockname()[1]}")
    monkeypatch.setenv("KYROS_TOKEN", TOKEN)

    def call(*words: str, says: str | None = None) -> Result:
        return CliRunner().invoke(commands, ["--home", str(tmp_path), *words], input=says)

    yield call
    server.should_exit = True
    serving.join()
    listening.close()


def shown(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_the_first_admin_is_made_with_a_password_from_standard_input(run: Run) -> None:
    assert "kyros person add NAME --role admin" in run("person", "list").stdout
    made = run("person", "add", "ada", "--role", "admin", "--display-name", "Ada L.", says=f"{PASSWORD}\n")
    assert made.exit_code == 0, made.output
    assert PASSWORD not in made.output
    (ada,) = shown(run("person", "list", "--json"))
    assert (ada["name"], ada["display_name"], ada["role"]) == ("ada", "Ada L.", "admin")


def test_no_option_takes_a_password(run: Run) -> None:
    for words in (["person", "add", "--help"], ["person", "password", "--help"]):
        assert "--password" not in run(*words).stdout


def test_a_person_is_changed_disabled_and_let_into_projects(run: Run) -> None:
    run("person", "add", "ada", "--role", "admin", says=f"{PASSWORD}\n")
    run("person", "add", "vic", "--email", "v@example.org", says=f"{PASSWORD}\n")
    joined = shown(run("person", "join", "vic", "app", "--role", "viewer", "--json"))
    assert joined["projects"] == {"app": "viewer"}
    assert shown(run("person", "leave", "vic", "app", "--json"))["projects"] == {}
    changed = shown(run("person", "edit", "vic", "--role", "reviewer", "--email", "", "--disable", "--json"))
    assert (changed["role"], changed["email"]) == ("reviewer", None)
    assert changed["disabled_at"] is not None
    assert "disabled" in run("person", "list").stdout
    assert run("person", "password", "vic", says="a brand new password\n").exit_code == 0


def test_a_refusal_is_the_servers_sentence(run: Run) -> None:
    refused = run("person", "add", "ada", "--role", "viewer", says=f"{PASSWORD}\n")
    assert refused.exit_code != 0
    assert "first person must be an admin" in str(refused.exception)


def test_a_token_is_printed_once_alone_on_its_line(run: Run) -> None:
    made = run("token", "create", "ci", "--role", "operator", "--scope", "read", "--project", "app=viewer")
    assert made.exit_code == 0, made.output
    token = made.stdout.strip()
    assert token.startswith("kyros_key_")
    listed = run("token", "list")
    assert "ci" in listed.stdout
    assert token not in listed.stdout
    (key,) = shown(run("token", "list", "--json"))
    assert (key["scopes"], key["projects"]) == (["read"], {"app": "viewer"})
    assert run("token", "revoke", "ci").exit_code == 0
    (key,) = shown(run("token", "list", "--json"))
    assert key["revoked_at"] is not None


def test_a_project_without_a_role_is_a_wrong_word(run: Run) -> None:
    wrong = run("token", "create", "ci", "--project", "app")
    assert "PROJECT_ID=ROLE" in str(wrong.exception)
