"""`kyros demo`: the main job end to end on a sample project, in a home of its own, shown step by step."""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.panel import Panel
from rich.rule import Rule

import kyros
from kyros.entrypoints.cli import show
from kyros.entrypoints.cli.client import Client
from kyros.entrypoints.cli.failures import RunFailed, Unreachable
from kyros.entrypoints.cli.follow import follow, verdict
from kyros.entrypoints.cli.state import state_of

_TITLE = "Greet by the time of day"
_CRITERIA = ["The tests of the project pass", "No new dependency"]
_START_SECONDS = 30


def add_to(app: typer.Typer) -> None:
    app.command("demo")(demo)


def demo(
    context: typer.Context,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the home and the sample for a look.")] = False,
) -> None:
    """Delegate a task on a sample project to `playbook` (not a model), show the pull request and its diff."""
    out = state_of(context).out
    folder = Path(tempfile.mkdtemp(prefix="kyros-demo-"))
    try:
        repository = _sample(folder / "greeting")
        with _running(folder / "home") as client:
            _main_job(client, repository, out)
        if keep:
            out.print(f"Kept: {folder}", style="dim")
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def _main_job(client: Client, repository: Path, out: Console) -> None:
    out.print(Rule("The sample: its tests fail"))
    _show_tests(repository, out)
    out.print(Rule("The task is handed over"))
    body = {
        "title": _TITLE,
        "objective": (examples() / "greeting.task.md").read_text(encoding="utf-8"),
        "acceptance_criteria": _CRITERIA,
        "repo": str(repository),
        "agent": "playbook",
    }
    made = client.post("/api/delegations", body)
    out.print(f"{made['task_id']} is pull request #{made['pr_number']} on {made['branch']}", highlight=False)
    out.print("playbook works on it: it carries out what TASK.md spells out, it is not a model.", style="dim")
    run = follow(client, made["run_id"], out)
    pull = client.get(f"/api/pulls/{made['pull_id']}")
    out.print(Rule("The pull request"))
    out.print(Panel(f"#{pull['number']} {pull['title']}\n{pull['head']} → {pull['base']} · {pull['state']}"))
    task, code = _parted(client.text(f"/api/pulls/{pull['id']}/diff"))
    out.print(show.diff(code))
    out.print(f"and TASK.md ({len(task.splitlines())} lines), which the merge leaves behind.", style="dim")
    for check in pull["checks"]:
        out.print("Check: ", show.status(check["verdict"]), f" {check['summary']}", sep="", highlight=False)
    if any(check["verdict"] != "passed" for check in pull["checks"]):
        raise RunFailed("The demo's checks did not pass.")
    verdict(run, out)


def _parted(diff: str) -> tuple[str, str]:
    """The part of TASK.md, and the rest."""
    files = [f"diff --git{part}" for part in diff.split("diff --git")[1:]]
    task = [part for part in files if part.startswith("diff --git a/TASK.md ")]
    return "".join(task), "".join(part for part in files if part not in task)


def _show_tests(repository: Path, out: Console) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "unittest", "-q"], cwd=repository, capture_output=True, text=True, check=False
    )
    out.print(done.stderr.strip().splitlines()[-1], style="green" if done.returncode == 0 else "red")


def examples() -> Path:
    """In a wheel inside the package, in a checkout at its top."""
    package = Path(kyros.__file__).parent
    packed = package / "_examples"
    return packed if packed.is_dir() else package.parent.parent / "examples"


def _sample(folder: Path) -> Path:
    """The sample project as a git repository with one commit."""
    shutil.copytree(examples() / "greeting", folder, ignore=shutil.ignore_patterns("__pycache__"))
    for arguments in (
        ["init", "-q", "-b", "main"],
        ["add", "-A"],
        [
            "-c",
            "user.name=Sample",
            "-c",
            "user.email=sample@kyros.invalid",
            "commit",
            "-q",
            "-m",
            "The sample",
        ],
    ):
        subprocess.run(["git", *arguments], cwd=folder, check=True)
    return folder


@contextmanager
def _running(home: Path) -> Iterator[Client]:
    """A whole Kyros on `home` and a free port, ended with the block."""
    command = [sys.executable, "-m", "kyros", "up", "--home", str(home), "--port", "0"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KYROS_")}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, start_new_session=True)
    try:
        assert process.stdout is not None
        if not process.stdout.readline():
            raise Unreachable("Kyros did not start; what it said stands above.")
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield _answering(home)
    finally:
        process.terminate()
        process.wait(20)


def _answering(home: Path) -> Client:
    client = Client(home)
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            client.get("/healthz")
            return client
        except Unreachable:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
