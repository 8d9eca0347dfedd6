"""`kyros event …`: what happened, as it happens; report, tell in words, and audit the files."""

import asyncio
import json
import re
from typing import Annotated, Any

import typer
from rich.text import Text

from kyros.entrypoints.cli.client import Client
from kyros.entrypoints.cli.failures import Refused, RunFailed, Usage
from kyros.entrypoints.cli.show import plain_table
from kyros.entrypoints.cli.state import Json, State, state_of
from kyros.entrypoints.cli.tailing import EVENTS, Tail
from kyros.kernel.ids import new_id
from kyros.kernel.settings import read_settings

app = typer.Typer(help="What happened: appended once, never changed.", no_args_is_help=True)

Name = Annotated[str | None, typer.Option("--event", "-e", help="Only events of this name.")]
Actor = Annotated[str | None, typer.Option("--actor", "-a", help="Only what this one did.")]
Target = Annotated[
    str | None, typer.Option("--target", "-t", help="Only what happened to, or concerns, this id.")
]
Task = Annotated[str | None, typer.Option("--task", help="Only what concerns this task.")]
Since = Annotated[str | None, typer.Option("--since", help="Only from this time on, RFC 3339.")]

_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_QUIET = frozenset({"run_id", "task_id", "project_id", "pull_id", "turn_id", "version"})


@app.command("list")
def list_events(
    context: typer.Context,
    event: Name = None,
    actor: Actor = None,
    target: Target = None,
    task: Task = None,
    since: Since = None,
    after: Annotated[int, typer.Option(min=0, help="Only after this number.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many.")] = 100,
    as_json: Json = False,
) -> None:
    """A page of events, oldest first."""
    state, wanted = state_of(context), _wanted(event, actor, target, task, since)
    page = state.client().get(EVENTS, **wanted, cursor=after, limit=limit)
    if as_json:
        state.show_json(page["items"])
        return
    for one in page["items"]:
        _print(state, one)
    if page["next_cursor"] is not None:
        state.err.print(f"There are more: --after {page['next_cursor']}.", style="bright_black")
    elif not page["items"]:
        state.out.print("No such events.")


@app.command("show")
def show_event(
    context: typer.Context,
    number: Annotated[int, typer.Argument(min=1, help="The event's number.")],
    as_json: Json = False,
) -> None:
    """One event, whole."""
    state = state_of(context)
    items = state.client().get(EVENTS, cursor=number - 1, limit=1)["items"]
    if not items or items[0]["id"] != number:
        raise Refused(f"There is no event {number} that you may see.", status=404)
    if as_json:
        state.show_json(items[0])
        return
    table = plain_table("", "")
    table.show_header = False
    for name, value in items[0].items():
        table.add_row(name, Text(_seen(value if isinstance(value, str) else _compact(value, indent=2))))
    state.out.print(table)


@app.command("tail")
def tail_events(
    context: typer.Context,
    event: Name = None,
    actor: Actor = None,
    target: Target = None,
    task: Task = None,
    since: Since = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Events as they happen, until Ctrl-C; a server that restarts is waited for, without gap or repeat."""
    state = state_of(context)
    tail = Tail(
        lambda: Client(state.home.expanduser()),
        _wanted(event, actor, target, task, since),
        lambda words: state.err.print(Text(words, style="bright_black")),
    )
    try:
        for one in tail.events():
            if as_json:
                state.out.file.write(json.dumps(one, ensure_ascii=False) + "\n")
                state.out.file.flush()
            else:
                _print(state, one)
    except KeyboardInterrupt:
        raise SystemExit(130) from None


@app.command("post")
def post_event(
    context: typer.Context,
    event: Annotated[str, typer.Argument(help="Its name: small letters, digits and _.")],
    target: Annotated[str, typer.Argument(help="The id it happened to.")],
    details: Annotated[str, typer.Option("--details", "-d", help="A JSON object.")] = "{}",
    project: Annotated[str | None, typer.Option("--project", "-p", help="The project it concerns.")] = None,
    as_json: Json = False,
) -> None:
    """Report an event; it bears your name and the mark `reported`."""
    state = state_of(context)
    body = {"event": event, "target": target, "details": _details(details, project)}
    made = state.client().post(EVENTS, body, **{"Idempotency-Key": new_id("key")})
    state.show_json(made) if as_json else state.out.print(f"Event {made['id']}.")


@app.command("log")
def human_log(
    context: typer.Context,
    ids: Annotated[
        list[int] | None, typer.Argument(help="Numbers of events; else those of the filter.")
    ] = None,
    event: Name = None,
    actor: Actor = None,
    target: Target = None,
    task: Task = None,
    since: Since = None,
    after: Annotated[int, typer.Option(min=0, help="Only after this number.")] = 0,
    project: Annotated[str | None, typer.Option("--project", "-p", help="Only of this project.")] = None,
    as_json: Json = False,
) -> None:
    """What happened in words, by task and agent, as Markdown; kept in collaboration/logs/log.md, too."""
    state = state_of(context)
    wanted = {name: value for name, value in _wanted(event, actor, target, task, since).items() if value}
    if ids and (wanted or after):
        raise Usage("Say either the numbers of events or what they have in common.")
    body: dict[str, object] = {"ids": ids} if ids else {"filter": {**wanted, "after": after}}
    told = state.client().post(f"{EVENTS}/human-log", body | ({"project_id": project} if project else {}))
    if as_json:
        state.show_json(told)
    else:
        state.out.file.write(told["markdown"] or "Nothing happened.\n")


@app.command("verify")
def verify(context: typer.Context, as_json: Json = False) -> None:
    """Audit the event files of this home: order, gaps, chain, and the database; exit 1 at the first fault."""
    from kyros.entrypoints.bootstrap import verify_events

    state = state_of(context)
    found = asyncio.run(verify_events(read_settings(state.home.expanduser())))
    fault = found.fault
    if as_json:
        state.show_json(found.document())
    elif fault is None:
        state.out.print(Text(found.in_words))
    if fault is not None:
        number = "" if fault.event_id is None else f" (event {fault.event_id})"
        raise RunFailed(f"{fault.file}, line {fault.line}{number}: {fault.reason}.")


def _wanted(
    event: str | None, actor: str | None, target: str | None, task: str | None, since: str | None
) -> dict[str, object]:
    return {"event": event, "actor": actor, "target": target, "task": task, "since": since}


def _details(text: str, project: str | None) -> dict[str, object]:
    try:
        details = json.loads(text)
    except json.JSONDecodeError as error:
        raise Usage(f"The details are not JSON: {error.msg}, at character {error.pos}.") from error
    if not isinstance(details, dict):
        raise Usage("The details must be a JSON object, such as '{\"took_seconds\": 3}'.")
    return details | ({"project_id": project} if project else {})


def _print(state: State, event: dict[str, Any]) -> None:
    """One line; whatever an event holds, it cannot steer the terminal."""
    line = Text(f"{event['ts'][:19].replace('T', ' ')} ", style="bright_black")
    line.append(f"{event['id']:>6} ")
    line.append(_seen(event["event"]), style="bold")
    line.append(f" {_seen(event['target'])}")
    line.append(f" by {_seen(event['actor'])}", style="cyan")
    told = {
        name: value
        for name, value in event["details"].items()
        if name not in _QUIET and value not in ("", None)
    }
    if told:
        line.append(f"  {_seen(_compact(told))}", style="bright_black")
    state.out.print(line, soft_wrap=True)


def _compact(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _seen(text: str) -> str:
    """Characters that show nothing of their own become a sign."""
    return _UNSEEN.sub(lambda found: "\n" if found[0] == "\n" else "\N{REPLACEMENT CHARACTER}", text)
