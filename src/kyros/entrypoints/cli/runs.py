"""`kyros run …` and `kyros stop`: look at runs, follow, stop, retry."""

import base64
from typing import Annotated, Any

import typer
from rich.text import Text

from kyros.entrypoints.cli import show
from kyros.entrypoints.cli.failures import Usage
from kyros.entrypoints.cli.follow import follow, verdict
from kyros.entrypoints.cli.state import Json, State, state_of
from kyros.kernel.ids import new_id

RunId = Annotated[str, typer.Argument(help="A run's id, or `last`.")]


def add_to(app: typer.Typer) -> None:
    runs = typer.Typer(help="Attempts to carry out a task.", no_args_is_help=True)
    runs.command("list")(list_runs)
    runs.command("show")(show_run)
    runs.command("follow")(follow_run)
    runs.command("log")(show_log)
    runs.command("transcript")(show_transcript)
    runs.command("diff")(show_diff)
    runs.command("stop")(stop_run)
    runs.command("retry")(retry_run)
    runs.command("budget")(grant_budget)
    app.add_typer(runs, name="run")
    app.command("stop")(stop)


def list_runs(
    context: typer.Context,
    status: Annotated[str | None, typer.Option(help="Only runs in this state.")] = None,
    project: Annotated[str | None, typer.Option(help="Only runs of this project.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="At most so many.")] = 20,
    as_json: Json = False,
) -> None:
    """Newest first."""
    state = state_of(context)
    page = state.client().get("/api/runs", status=status, project=project, limit=limit)
    if as_json:
        state.show_json(page["items"])
    elif page["items"]:
        state.out.print(show.runs_table(page["items"]))
    elif status or project:
        state.out.print("No such runs.")
    else:
        state.out.print("No runs yet: `kyros delegate` hands over a task.")


def show_run(context: typer.Context, run_id: RunId, as_json: Json = False) -> None:
    """What each step took; if it failed, why and what to do."""
    state = state_of(context)
    run = run_of(state, run_id)
    turns = state.client().get(f"/api/runs/{run['id']}/turns")["items"]
    if as_json:
        state.show_json(run | {"turns": turns})
        return
    pull = f"{run['project']}#{run['pull_number']}" if run["pull_number"] else run["project"]
    title = Text(f"{run['task_id']} {run['task_title']}", style="bold")
    state.out.print(title)
    state.out.print(f"{run['id']} · {pull} · {run['branch']} · {run['agent']} · ", show.status(run["status"]))
    state.out.print(show.steps_table(run["steps"]))
    for turn in turns:
        state.out.print(_turn(turn))
    if run["explanation"]:
        why = run["reason"] or "waiting for you"
        state.out.print(Text(f"{why}: {run['explanation']}", style="red" if run["reason"] else "yellow"))


def follow_run(context: typer.Context, run_id: RunId) -> None:
    """Watch until it has ended."""
    state = state_of(context)
    verdict(follow(state.client(), run_of(state, run_id)["id"], state.out), state.out)


def show_log(context: typer.Context, run_id: RunId) -> None:
    """What the agent printed, as it printed it; follows a run that is still going."""
    state = state_of(context)
    out = state.out.file
    for event, data in state.client().stream(f"/api/runs/{run_of(state, run_id)['id']}/log"):
        if event == "output":
            out.write(base64.b64decode(data).decode(errors="replace"))
            out.flush()


def show_transcript(
    context: typer.Context,
    run_id: RunId,
    turn: Annotated[str | None, typer.Option("--turn", help="Only this turn, by its id.")] = None,
    as_json: Json = False,
) -> None:
    """What was said and done: prompts, messages, tool calls, diffs, approvals, ends."""
    state = state_of(context)
    path, after = f"/api/runs/{run_of(state, run_id)['id']}/transcript", "0"
    found: list[dict[str, Any]] = []
    while after:
        page = state.client().get(path, after=after, limit=200, turn=turn)
        found += page["items"]
        after = page["next_cursor"]
    if as_json:
        state.show_json(found)
        return
    for entry in found:
        state.out.print(show.entry(entry))
    if not found:
        state.out.print("Nothing was said or done yet.")


def show_diff(context: typer.Context, run_id: RunId) -> None:
    """The diff of its pull request."""
    state = state_of(context)
    text = state.client().text(f"/api/runs/{run_of(state, run_id)['id']}/diff")
    if state.out.is_terminal:
        state.out.print(show.diff(text))
    else:
        state.out.file.write(text)


def stop_run(context: typer.Context, run_id: RunId, as_json: Json = False) -> None:
    """Stop it and everything it started."""
    state = state_of(context)
    run = state.client().post(f"/api/runs/{run_of(state, run_id)['id']}/stop")
    if as_json or run["ended_at"]:
        _say(state, run, as_json)
    else:
        state.out.print(f"{run['id']} is stopping.")


def retry_run(
    context: typer.Context,
    run_id: RunId,
    following: Annotated[bool, typer.Option("--follow", help="Watch until it has ended.")] = False,
    as_json: Json = False,
) -> None:
    """Try again on the same branch and pull request."""
    state = state_of(context)
    run = state.client().post(f"/api/runs/{run_of(state, run_id)['id']}/retry")
    _say(state, run, as_json)
    if following:
        verdict(follow(state.client(), run["id"], state.out), state.out)


def grant_budget(
    context: typer.Context,
    run_id: RunId,
    tokens: Annotated[int | None, typer.Option(min=1, help="So many tokens more.")] = None,
    usd: Annotated[float | None, typer.Option(help="So many US dollars more.")] = None,
    minutes: Annotated[float | None, typer.Option(help="So many minutes more.")] = None,
    as_json: Json = False,
) -> None:
    """Give a run more than it has used; if it waits for that, it goes on."""
    if tokens is None and usd is None and minutes is None:
        raise Usage("Say how much more: --tokens, --usd or --minutes.")
    state = state_of(context)
    body = {"tokens": tokens, "usd": usd, "minutes": minutes}
    path, key = f"/api/runs/{run_of(state, run_id)['id']}/budget", {"Idempotency-Key": new_id("key")}
    _say(state, state.client().post(path, body, **key), as_json)


def stop(
    context: typer.Context,
    run_id: Annotated[str | None, typer.Argument(help="A run's id, or `last`.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Stop every run, execution and session.")] = False,
    as_json: Json = False,
) -> None:
    """Stop a run, or everything that works."""
    if (run_id is None) != everything:
        raise Usage("Say which run to stop, or --all.")
    state = state_of(context)
    if run_id is not None:
        stop_run(context, run_id, as_json)
        return
    stopped = state.client().post("/api/runs/stop-all")["items"]
    if as_json:
        state.show_json(stopped)
    else:
        state.out.print(f"Asked {len(stopped)} runs to stop, and every execution and session with them.")


def run_of(state: State, run_id: str) -> dict[str, Any]:
    """A run by its id, or the newest by `last`."""
    if run_id != "last":
        found: dict[str, Any] = state.client().get(f"/api/runs/{run_id}")
        return found
    newest: list[dict[str, Any]] = state.client().get("/api/runs", limit=1)["items"]
    if not newest:
        raise Usage("There is no run yet: `kyros delegate` hands over a task.")
    return newest[0]


def _say(state: State, run: dict[str, Any], as_json: bool) -> None:
    if as_json:
        state.show_json(run)
    else:
        state.out.print(f"{run['id']} is ", show.status(run["status"]), end="\n", sep="")


def _turn(turn: dict[str, Any]) -> Text:
    asked, granted = len(turn["approvals"]), sum(one["allowed"] for one in turn["approvals"])
    tokens = "tokens not measured"
    if turn["input_tokens"] is not None:
        tokens = f"{turn['input_tokens']} tokens in, {turn['output_tokens']} out"
    cost = "" if turn["cost_usd"] is None else f", ${turn['cost_usd']:.4f}"
    return Text(
        f"turn {turn['id']}: {turn['agent']} ({turn['tier']}) {turn['result_kind'] or 'working'} "
        f"after {show.seconds(turn['duration_ms'])}, {granted} of {asked} requests granted, {tokens}{cost}",
        style="dim",
    )
