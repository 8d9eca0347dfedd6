"""`kyros task …` and `kyros seed` against a server, as a person or a script uses them."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from typer.testing import CliRunner

from kyros.auth.model import Principal, Role
from kyros.collab.api.tasks import tasks_router
from kyros.collab.fake import FakeCollabStore
from kyros.entrypoints.cli.app import app as commands
from kyros.entrypoints.cli.client import Client
from kyros.entrypoints.cli.edits import Edit, edited
from kyros.entrypoints.cli.failures import Refused, Unreachable, Usage
from kyros.entrypoints.problems import install
from tests.stand_ins import Clock, Outbox

Run = Callable[..., Any]


class AsAdmin:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app({**scope, "state": {"principal": Principal("ann", Role.ADMIN)}}, receive, send)


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@pytest.fixture
def address(outbox: Outbox) -> Iterator[str]:
    app = FastAPI()
    app.include_router(tasks_router(FakeCollabStore(outbox, Clock())))
    app.get("/elsewhere/{path:path}")(lambda: HTMLResponse("<h1>Another program</h1>"))
    install(app)
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(AsAdmin(app), log_level="warning", ws="none", lifespan="off"))
    serving = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    serving.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    serving.join()
    listening.close()


@pytest.fixture
def client(address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Client]:
    monkeypatch.setenv("KYROS_URL", address)
    monkeypatch.setenv("KYROS_TOKEN", "any")
    monkeypatch.setenv("KYROS_HOME", str(tmp_path))
    client = Client(tmp_path)
    yield client
    client.close()


@pytest.fixture
def kyros(client: Client) -> Run:
    """Runs a command: what it printed, or with --json what that means. Raises its refusal."""

    def run(*words: str, stdin: str | None = None) -> Any:
        done = CliRunner().invoke(commands, list(words), input=stdin)
        if done.exception is not None:
            raise done.exception
        return json.loads(done.stdout) if "--json" in words else done.stdout

    return run


def test_a_task_is_made_shown_found_and_moved(kyros: Run) -> None:
    made = kyros(
        "task", "create", "Add a board", "-p", "app", "-f", "-", "-c", "It is there", "-i", "Tests",
        "-l", "ui", "-a", "ada", "--priority", "high", "--estimate", "30", "--json",
        stdin="So that all see.\n",
    )  # fmt: skip
    assert (made["id"], made["project_id"], made["objective"]) == ("T-1", "app", "So that all see.\n")
    assert (made["labels"], made["assignee"], made["estimate_minutes"]) == (["ui"], "ada", 30)
    assert "Add a board" in kyros("task", "list", "--label", "ui")
    assert "No such tasks" in kyros("task", "list", "--label", "none")
    assert [task["id"] for task in kyros("task", "search", "boar", "add", "--json")] == ["T-1"]
    assert "claimed" in kyros("task", "move", "T-1", "claimed", "--note", "mine")
    shown = kyros("task", "show", "T-1")
    for words in (
        "T-1 Add a board",
        "queued (its status: claimed) · Nobody holds it.",
        "· 1. Tests",
        "So that",
    ):
        assert words in shown


def test_lists_are_added_to_and_removed_from(kyros: Run) -> None:
    kyros("task", "create", "One", "-l", "ui", "-l", "old")
    kyros("task", "create", "Two", "-d", "T-1")
    after = kyros("task", "edit", "T-1", "-l", "new", "-l", "ui", "--unlabel", "old", "-i", "Tests", "--json")
    assert (after["labels"], after["checklist"]) == (["ui", "new"], [{"text": "Tests", "done": False}])
    assert kyros("task", "edit", "T-2", "--not-depends-on", "T-1", "-a", "ada", "--json")["depends_on"] == []
    assert kyros("task", "edit", "T-2", "-a", "", "--json")["assignee"] is None
    with pytest.raises(Usage):
        kyros("task", "edit", "T-1")


def test_items_are_ticked_off_by_number_or_by_text(kyros: Run) -> None:
    kyros("task", "create", "One", "-i", "Tests", "-i", "Docs", "-i", "Docs of the API")

    def done(*words: str) -> list[bool]:
        return [item["done"] for item in kyros("task", "check", "T-1", *words, "--json")["checklist"]]

    assert done("2") == [False, True, False]
    assert done("tes") == [True, True, False]
    assert done("1", "--undo") == [False, True, False]
    for unclear in ("Doc", "4", "Review"):
        with pytest.raises(Usage, match=r"1\. Tests; 2\. Docs"):
            done(unclear)


def test_a_refusal_is_the_servers_own_words(kyros: Run) -> None:
    kyros("task", "create", "One")
    with pytest.raises(Refused, match="can go to: blocked, cancelled, claimed") as refused:
        kyros("task", "move", "T-1", "done")
    assert refused.value.facts["status"] == 409


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_what_would_be_another_address_names_nothing(kyros: Run, name: str) -> None:
    kyros("task", "create", "One")
    for words in (("show", name), ("move", name, "claimed"), ("edit", name, "--title", "x")):
        with pytest.raises(Refused, match="nothing named") as refused:
            kyros("task", *words)
        assert refused.value.facts["status"] == 404


def test_an_answer_that_sends_elsewhere_is_none(client: Client) -> None:
    with pytest.raises(Refused, match="nothing at") as refused:
        client.get("/api/collab/tasks/")
    assert refused.value.facts["status"] == 404


def test_a_server_that_is_no_kyros_is_told_from_one(
    address: str, client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KYROS_URL", f"{address}/elsewhere")
    other = Client(tmp_path)
    with pytest.raises(Unreachable, match="is no Kyros: check KYROS_URL"):
        other.get("/api/collab/tasks")
    other.close()


def test_a_list_that_is_not_whole_says_so_beside_it(kyros: Run) -> None:
    kyros("task", "create", "One")
    assert CliRunner().invoke(commands, ["task", "list", "--limit", "1"]).stderr == ""
    kyros("task", "create", "Two")
    for form in ([], ["--json"]):
        done = CliRunner().invoke(commands, ["task", "list", "--limit", "1", *form])
        assert "There are more than these 1" in done.stderr
        assert "more than" not in done.stdout


def test_a_change_meets_one_made_meanwhile_and_both_are_kept(client: Client, kyros: Run) -> None:
    kyros("task", "create", "One", "-l", "ui")
    edit, others = Edit({}, {"labels": ["mine"]}, {}), iter(["Two", "Three"])

    def disturbed(task: dict[str, Any], before: dict[str, Any]) -> Any:
        if (title := next(others, None)) is not None:
            kyros("task", "edit", "T-1", "--title", title, "-l", title)
        return edit.patch(task, before)

    after = edited(client, "T-1", disturbed, None)
    assert (after["title"], after["labels"]) == ("Three", ["ui", "Two", "Three", "mine"])


def test_a_value_somebody_else_has_set_meanwhile_is_left_alone(client: Client, kyros: Run) -> None:
    kyros("task", "create", "One")
    edit, others = Edit({"title": "Mine"}, {}, {}), iter(["Theirs"])

    def disturbed(task: dict[str, Any], before: dict[str, Any]) -> Any:
        if (title := next(others, None)) is not None:
            kyros("task", "edit", "T-1", "--title", title)
        return edit.patch(task, before)

    with pytest.raises(Refused, match="'Theirs'") as refused:
        edited(client, "T-1", disturbed, None)
    assert refused.value.facts["status"] == 412
    assert kyros("task", "show", "T-1", "--json")["title"] == "Theirs"


def test_the_backlog_is_made_once_and_what_is_there_is_left_alone(kyros: Run, outbox: Outbox) -> None:
    kyros("task", "create", "A task of ours")
    first = kyros("seed", "--project", "shop", "--json")
    numbers = [*range(100, 106), *range(200, 205)]
    assert first == [{"id": f"T-{number}", "made": True} for number in numbers]
    found = kyros("task", "show", "T-104", "--json")
    assert (found["project_id"], found["title"]) == ("shop", "Playwright flows (Collab + Jobs) + data-testid")
    assert len(found["checklist"]) == 5
    told = len(outbox.events)
    again = kyros("seed")
    assert again.count("exists, left alone") == len(numbers)
    assert len(outbox.events) == told
