"""`kyros pull …`: look at pull requests, merge, close, push upstream."""

import shlex
from typing import Annotated
from urllib.parse import quote

import typer
from rich.text import Text

from kyros.entrypoints.cli import show
from kyros.entrypoints.cli.state import Json, state_of

app = typer.Typer(help="Pull requests of the built-in forge.", no_args_is_help=True)

Ref = Annotated[str, typer.Argument(help="Number, project#number, or id.")]


@app.command("list")
def list_pulls(
    context: typer.Context,
    pull_state: Annotated[str | None, typer.Option("--state", help="open, merged or closed.")] = None,
    project: Annotated[str | None, typer.Option(help="Only of this project.")] = None,
    as_json: Json = False,
) -> None:
    """Newest first."""
    state = state_of(context)
    pulls = state.client().get("/api/pulls", state=pull_state, project=project)["items"]
    if as_json:
        state.show_json(pulls)
    elif pulls:
        state.out.print(show.pulls_table(pulls))
    else:
        state.out.print("No pull requests.")


@app.command("show")
def show_pull(context: typer.Context, ref: Ref, as_json: Json = False) -> None:
    """Title, state, body and checks."""
    from rich.markdown import Markdown  # only who reads a pull request waits for it

    state = state_of(context)
    pull = state.client().get(f"/api/pulls/{_quoted(ref)}")
    if as_json:
        state.show_json(pull)
        return
    state.out.print(Text(f"{pull['project']}#{pull['number']} {pull['title']}", style="bold"))
    state.out.print(show.status(pull["state"]), Text(f" {pull['head']} → {pull['base']}", style="dim"))
    state.out.print(Markdown(pull["body"]))
    for check in pull["checks"]:
        state.out.print(show.status(check["verdict"]), Text(f"{check['name']}: {check['summary']}"))


@app.command("diff")
def show_diff(context: typer.Context, ref: Ref) -> None:
    """The diff, in colour on a terminal."""
    state = state_of(context)
    text = state.client().text(f"/api/pulls/{_quoted(ref)}/diff")
    if state.out.is_terminal:
        state.out.print(show.diff(text))
    else:
        state.out.file.write(text)


@app.command("merge")
def merge_pull(
    context: typer.Context,
    ref: Ref,
    accept: Annotated[
        bool, typer.Option("--accept-failed-checks", help="Merge although a check is red.")
    ] = False,
    push: Annotated[bool, typer.Option("--push", help="Fast-forward the base branch upstream, too.")] = False,
    as_json: Json = False,
) -> None:
    """Merge into the base branch; the task is done, the branch removed."""
    state = state_of(context)
    body = {"accept_failed_checks": accept, "push": push}
    pull = state.client().post(f"/api/pulls/{_quoted(ref)}/merge", body)
    if as_json:
        state.show_json(pull)
        return
    state.out.print(
        f"Merged {pull['project']}#{pull['number']} into {pull['base']} as {pull['merge_sha'][:10]}.",
        markup=False, highlight=False,
    )  # fmt: skip
    if push:
        state.out.print(f"Pushed {pull['base']} upstream.")
        return
    project = state.client().get(f"/api/projects/{pull['project_id']}")
    command = shlex.join(["git", "pull", project["forge_path"], pull["base"]])
    state.out.print(
        f"To have it in your clone: {command}", style="dim", markup=False, highlight=False, soft_wrap=True
    )


@app.command("push")
def push_base(context: typer.Context, ref: Ref) -> None:
    """Fast-forward the base branch of a merged pull request at the project's source."""
    state = state_of(context)
    pull = state.client().post(f"/api/pulls/{_quoted(ref)}/push")
    state.out.print(f"Pushed {pull['base']} upstream.")


@app.command("close")
def close_pull(context: typer.Context, ref: Ref, as_json: Json = False) -> None:
    """Close without merging; branch and commits stay."""
    state = state_of(context)
    pull = state.client().post(f"/api/pulls/{_quoted(ref)}/close")
    if as_json:
        state.show_json(pull)
    else:
        state.out.print(f"Closed {pull['project']}#{pull['number']}; its branch stays.", markup=False)


def _quoted(ref: str) -> str:
    return quote(ref, safe="")
