"""`kyros delegate`: hand a task over, and follow it if asked."""

import sys
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from kyros.entrypoints.cli.failures import Usage
from kyros.entrypoints.cli.follow import follow, verdict
from kyros.entrypoints.cli.state import Json, state_of
from kyros.kernel.ids import new_id


def add_to(app: typer.Typer) -> None:
    app.command("delegate")(delegate)


def delegate(
    context: typer.Context,
    title: Annotated[str, typer.Argument(help="What is wanted, in one line.")],
    file: Annotated[
        str | None, typer.Option("--file", "-f", help="The objective, Markdown; - reads standard input.")
    ] = None,
    repo: Annotated[
        str | None,
        typer.Option("--repo", "-r", help="Path or URL of the repository; default: where you are."),
    ] = None,
    project: Annotated[
        str | None, typer.Option("--project", "-p", help="A project Kyros knows already.")
    ] = None,
    base: Annotated[str | None, typer.Option("--base", "-b", help="Branch to start from.")] = None,
    agent: Annotated[
        str | None, typer.Option("--agent", "-a", envvar="KYROS_AGENT", help="Profile that works on it.")
    ] = None,
    constraints: Annotated[str, typer.Option("--constraints", help="What must be kept to.")] = "",
    criteria: Annotated[
        list[str] | None, typer.Option("--criterion", "-c", help="An acceptance criterion; repeat it.")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option("--timeout", min=1, help="Seconds the agent may work.")
    ] = None,
    following: Annotated[bool, typer.Option("--follow", help="Watch until the run has ended.")] = False,
    as_json: Json = False,
) -> None:
    """Hand over a task: a branch with TASK.md and a pull request now, the code when the agent is done."""
    state = state_of(context)
    client = state.client()
    body = {
        "title": title,
        "objective": _objective(file),
        "constraints": constraints,
        "acceptance_criteria": criteria or [],
        "repo": None if project else _repository(repo),
        "project": project,
        "base": base,
        "agent": agent,
        "timeout_seconds": timeout,
    }
    if project and repo:
        raise Usage("Name a repository (--repo) or a project (--project), not both.")
    made = client.post("/api/delegations", body, **{"Idempotency-Key": new_id("key")})
    for note in made["notes"]:
        state.err.print(f"Note: {note}", style="yellow", markup=False, highlight=False)
    if as_json and not following:
        state.show_json(made)
        return
    if not as_json:
        state.out.print(
            f"Handed over {made['task_id']} as {made['project']}#{made['pr_number']} on {made['branch']}",
            markup=False, highlight=False,
        )  # fmt: skip
        state.out.print(f"{made['pr_url']} · run {made['run_id']}", style="dim", highlight=False)
    if following:
        run = follow(client, made["run_id"], state.err if as_json else state.out)
        if as_json:
            state.show_json(run)
        verdict(run, state.err if as_json else state.out)


def _objective(file: str | None) -> str:
    if file is None:
        return ""
    if file == "-":
        return sys.stdin.read()
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Usage(
            f"The objective {file} cannot be read ({error}): name a Markdown file, or - for stdin."
        ) from error


def _repository(repo: str | None) -> str:
    """A path is made absolute here: the server does not know where we are."""
    if repo and (urlsplit(repo).scheme in ("http", "https", "ssh", "git", "file") or _is_scp_like(repo)):
        return repo
    return str(Path(repo or ".").expanduser().absolute())


def _is_scp_like(repo: str) -> bool:
    host, colon, _ = repo.partition(":")
    return bool(colon) and "/" not in host and not Path(repo).exists()
