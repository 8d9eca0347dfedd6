"""`kyros approve …`: what agents ask leave for, and the answer to it."""

from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

from kyros.entrypoints.cli import show
from kyros.entrypoints.cli.client import part
from kyros.entrypoints.cli.state import Json, State, state_of


class _AllowByDefault(TyperGroup):
    """`kyros approve ID` is `kyros approve allow ID`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            args = ["allow", *args]
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=_AllowByDefault,
    help="What agents ask leave for: `kyros approve ID` allows it once.",
    no_args_is_help=True,
)

ApprovalId = Annotated[str, typer.Argument(help="The request, as `kyros approve list` shows it.")]

_PATH = "/api/approvals"
_LOOKS = {"pending": "yellow", "granted": "green", "denied": "red"}


@app.command("list")
def list_approvals(
    context: typer.Context,
    status: Annotated[
        str | None, typer.Option(help="pending, granted, denied, expired or withdrawn; all if left out.")
    ] = None,
    run: Annotated[str | None, typer.Option(help="Only what this run asked.")] = None,
    project: Annotated[str | None, typer.Option(help="Only what this project's runs asked.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="At most so many.")] = 20,
    as_json: Json = False,
) -> None:
    """Requests and how they were decided, newest first."""
    state = state_of(context)
    page = state.client().get(_PATH, status=status, run=run, project=project, limit=limit)
    state.tell_of_more(page)
    if as_json:
        state.show_json(page["items"])
    elif page["items"]:
        state.out.print(_table(page["items"]))
    else:
        state.out.print(
            "No such requests." if status or run or project else "No agent has asked for leave yet."
        )


@app.command("show")
def show_approval(context: typer.Context, approval_id: ApprovalId, as_json: Json = False) -> None:
    """All of a request: what was asked, which rule had it asked or decided it, who answered."""
    state = state_of(context)
    found = state.client().get(f"{_PATH}/{part(approval_id)}")
    if as_json:
        state.show_json(found)
        return
    state.out.print(f"{found['id']} · {found['run_id']} · {found['agent']} · ", _state(found), sep="")
    state.out.print(Text(f"{found['kind']} {found['subject']}", style="bold"))
    if found["text"] and found["text"] != found["subject"]:
        state.out.print(Text(found["text"]))
    for line in _facts(found):
        state.out.print(Text(line, style="dim"))


@app.command("allow")
def allow(
    context: typer.Context,
    approval_id: ApprovalId,
    always: Annotated[
        bool, typer.Option("--always", help="From now on too: makes a rule of the project of exactly this.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Let the agent do it; the run goes on. `kyros approve APPROVAL_ID` is the same."""
    state = state_of(context)
    body = {"scope": "always" if always else "once"}
    _say(state, state.client().post(f"{_PATH}/{part(approval_id)}/approve", body), as_json)


@app.command("deny")
def deny(
    context: typer.Context,
    approval_id: ApprovalId,
    note: Annotated[str, typer.Option("--note", help="Why; told to the agent where it can be told.")] = "",
    as_json: Json = False,
) -> None:
    """Do not let the agent do it; the run goes on without."""
    state = state_of(context)
    _say(state, state.client().post(f"{_PATH}/{part(approval_id)}/deny", {"note": note}), as_json)


def _say(state: State, decided: dict[str, Any], as_json: bool) -> None:
    if as_json:
        state.show_json(decided)
        return
    state.out.print(f"{decided['id']} is ", _state(decided), sep="")
    if decided["made_rule"]:
        state.out.print(Text(f"The project has a new rule: {decided['made_rule']}"))


def _state(approval: dict[str, Any]) -> Text:
    return Text(approval["state"], style=_LOOKS.get(approval["state"], "bright_black"))


def _facts(found: dict[str, Any]) -> list[str]:
    facts = [f"rule: {found['rule']}", f"asked {show.age(found['asked_at'])}"]
    if found["state"] == "pending":
        facts.append(f"expires {found['expires_at']}")
        facts.append(f"`kyros approve {found['id']}` allows it, `kyros approve deny {found['id']}` does not")
    if found["decided_by"]:
        scope = f" ({found['scope']})" if found["scope"] else ""
        facts.append(f"{found['state']}{scope} by {found['decided_by']} at {found['decided_at']}")
    facts += [f"{name.replace('_', ' ')}: {found[name]}" for name in ("note", "made_rule") if found[name]]
    return facts


def _table(items: list[dict[str, Any]]) -> Table:
    table = show.plain_table("approval", "run", "agent", "asks", "state", "rule or person", "asked")
    for one in items:
        asked = " ".join((one["subject"] or one["text"]).split())
        decider = one["rule"] if one["decided_by"] in (None, "policy") else one["decided_by"]
        cells = (one["id"], one["run_id"], Text(one["agent"]), Text(f"{one['kind']} {asked}"))
        table.add_row(*cells, _state(one), Text(decider), show.age(one["asked_at"]))
    return table
