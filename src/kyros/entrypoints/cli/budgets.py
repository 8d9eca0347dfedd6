"""`kyros budget …`: what turns, runs, tasks, agents, projects and days may use."""

from typing import Annotated, Any

import typer

from kyros.entrypoints.cli import show
from kyros.entrypoints.cli.client import part
from kyros.entrypoints.cli.failures import Usage
from kyros.entrypoints.cli.state import Json, State, state_of

app = typer.Typer(help="What turns, runs, tasks, agents, projects and days may use.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="turn/*, run/*, task/T-1, agent/codex, project/ID, day/* …")]
Tokens = Annotated[int | None, typer.Option(min=1, help="Tokens: input, output and cache creation.")]
Usd = Annotated[float | None, typer.Option(help="Money, in US dollars.")]
Minutes = Annotated[float | None, typer.Option(help="Minutes of work.")]


@app.command("list")
def list_budgets(context: typer.Context, as_json: Json = False) -> None:
    """Those that are set, and what is used of them."""
    state = state_of(context)
    found = state.client().get("/api/budgets")["items"]
    if as_json:
        state.show_json(found)
        return
    table = show.plain_table("budget", "tokens", "usd", "minutes")
    for one in found:
        table.add_row(
            f"{one['scope']}/{one['key']}", *(_measure(one, of) for of in ("tokens", "usd", "minutes"))
        )
    state.out.print(table if found else "No budgets: `kyros budget set day/* --usd 20` sets one.")


@app.command("set")
def set_budget(
    context: typer.Context,
    name: Name,
    tokens: Tokens = None,
    usd: Usd = None,
    minutes: Minutes = None,
    as_json: Json = False,
) -> None:
    """Set a budget, whole: what is not named has no limit."""
    if tokens is None and usd is None and minutes is None:
        raise Usage("Say a limit: --tokens, --usd or --minutes; `kyros budget clear` takes one away.")
    state = state_of(context)
    body = {"tokens": tokens, "usd": usd, "minutes": minutes}
    _say(state, state.client().put(_path(name), body), as_json)


@app.command("clear")
def clear_budget(context: typer.Context, name: Name, as_json: Json = False) -> None:
    """Take a budget away."""
    state = state_of(context)
    _say(state, state.client().put(_path(name), {}), as_json)


def _path(name: str) -> str:
    scope, slash, key = name.partition("/")
    if not slash or not key:
        raise Usage(f"{name!r} names no budget: say agent/codex, task/T-1 or day/*.")
    return f"/api/budgets/{part(scope)}/{part(key)}"


def _say(state: State, one: dict[str, Any], as_json: bool) -> None:
    if as_json:
        state.show_json(one)
        return
    limits = [f"{one[of]:,g} {of}" for of in ("tokens", "usd", "minutes") if one[of] is not None]
    state.out.print(f"{one['scope']}/{one['key']}: {', '.join(limits) or 'no limit'}.", highlight=False)


def _measure(one: dict[str, Any], of: str) -> str:
    if one[of] is None:
        return "-"
    used = one["used"]
    return f"{one[of]:,g}" if used is None else f"{used[of]:,.6g} of {one[of]:,g}"
