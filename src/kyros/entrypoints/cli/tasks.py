"""`kyros task …`: look at tasks, make, change, move and tick them off."""

import sys
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.text import Text

from kyros.entrypoints.cli import show
from kyros.entrypoints.cli.client import Client
from kyros.entrypoints.cli.edits import Edit, edited, path_of
from kyros.entrypoints.cli.failures import Refused, Usage
from kyros.entrypoints.cli.state import Json, State, state_of
from kyros.entrypoints.cli.task_text import stands, tasks_table, told
from kyros.kernel.ids import new_id

_NOT_FOUND = 404

app = typer.Typer(help="What is wanted, and where it stands.", no_args_is_help=True)

TaskId = Annotated[str, typer.Argument(help="A task's id: T-100.")]
Limit = Annotated[int, typer.Option(min=1, max=200, help="At most so many.")]
Objective = Annotated[
    str | None, typer.Option("--file", "-f", help="The objective, Markdown; - reads standard input.")
]
Priority = Annotated[str | None, typer.Option("--priority", help="low, normal, high or urgent.")]
Estimate = Annotated[float | None, typer.Option("--estimate", help="Minutes it should take.")]
Token = Annotated[
    int | None, typer.Option("--fencing-token", help="Of the lease you hold on the task.", show_default=False)
]


@app.command("list")
def list_tasks(
    context: typer.Context,
    status: Annotated[str | None, typer.Option(help="Only tasks in this state.")] = None,
    assignee: Annotated[str | None, typer.Option(help="Only tasks of this person or agent.")] = None,
    label: Annotated[str | None, typer.Option(help="Only tasks with this label.")] = None,
    project: Annotated[str | None, typer.Option(help="Only tasks of this project.")] = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Newest first, in the column where each stands."""
    query = {"status": status, "assignee": assignee, "label": label, "limit": limit}
    _list(state_of(context), project, query, as_json)


@app.command("search")
def search_tasks(
    context: typer.Context,
    words: Annotated[list[str], typer.Argument(help="Words, or beginnings of words, that all stand in it.")],
    project: Annotated[str | None, typer.Option(help="Only tasks of this project.")] = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Find tasks by their words, newest first."""
    _list(state_of(context), project, {"q": " ".join(words), "limit": limit}, as_json)


@app.command("show")
def show_task(context: typer.Context, task_id: TaskId, as_json: Json = False) -> None:
    """Where it stands and why, what is wanted, its checklist."""
    state = state_of(context)
    task = state.client().get(path_of(task_id))
    if as_json:
        state.show_json(task)
        return
    for line in told(task):
        state.out.print(line)


@app.command("create")
def create_task(
    context: typer.Context,
    title: Annotated[str, typer.Argument(help="What is wanted, in one line.")],
    project: Annotated[str, typer.Option("--project", "-p", help="The project it belongs to.")] = "default",
    file: Objective = None,
    constraints: Annotated[str, typer.Option("--constraints", help="What must be kept to.")] = "",
    criteria: Annotated[
        list[str] | None, typer.Option("--criterion", "-c", help="An acceptance criterion; repeat it.")
    ] = None,
    checklist: Annotated[
        list[str] | None, typer.Option("--item", "-i", help="A line of its checklist; repeat it.")
    ] = None,
    depends_on: Annotated[
        list[str] | None,
        typer.Option("--depends-on", "-d", help="A task that must be done first; repeat it."),
    ] = None,
    labels: Annotated[list[str] | None, typer.Option("--label", "-l", help="A label; repeat it.")] = None,
    assignee: Annotated[str | None, typer.Option("--assignee", "-a", help="Who is to do it.")] = None,
    priority: Priority = None,
    estimate: Estimate = None,
    as_json: Json = False,
) -> None:
    """Put a task on the board; nobody starts on it by that."""
    state = state_of(context)
    body = {
        "title": title,
        "project_id": project_id_of(state.client(), project),
        "objective": _read(file) or "",
        "constraints": constraints,
        "acceptance_criteria": criteria or [],
        "checklist": [{"text": text} for text in checklist or []],
        "depends_on": depends_on or [],
        "labels": labels or [],
        "assignee": assignee,
        "priority": priority or "normal",
        "estimate_minutes": estimate,
    }
    made = state.client().post("/api/collab/tasks", body, **{"Idempotency-Key": new_id("key")})
    if as_json:
        state.show_json(state.client().get(path_of(made["id"])))
    else:
        state.out.print(f"{made['id']} is ", show.status("queued"), sep="")


@app.command("edit")
def edit_task(
    context: typer.Context,
    task_id: TaskId,
    title: Annotated[str | None, typer.Option("--title", help="In one line.")] = None,
    file: Objective = None,
    constraints: Annotated[str | None, typer.Option("--constraints", help="What must be kept to.")] = None,
    criteria: Annotated[
        list[str] | None, typer.Option("--criterion", "-c", help="Adds an acceptance criterion; repeat it.")
    ] = None,
    checklist: Annotated[
        list[str] | None, typer.Option("--item", "-i", help="Adds a line to its checklist; repeat it.")
    ] = None,
    depends_on: Annotated[
        list[str] | None, typer.Option("--depends-on", "-d", help="Adds a dependency; repeat it.")
    ] = None,
    independent: Annotated[
        list[str] | None, typer.Option("--not-depends-on", help="Removes a dependency; repeat it.")
    ] = None,
    labels: Annotated[
        list[str] | None, typer.Option("--label", "-l", help="Adds a label; repeat it.")
    ] = None,
    unlabels: Annotated[
        list[str] | None, typer.Option("--unlabel", help="Removes a label; repeat it.")
    ] = None,
    assignee: Annotated[
        str | None, typer.Option("--assignee", "-a", help="Who is to do it; '' for nobody.")
    ] = None,
    priority: Priority = None,
    estimate: Estimate = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Change a task; what somebody else changes meanwhile is kept."""
    edit = Edit(
        put={
            "title": title,
            "objective": _read(file),
            "constraints": constraints,
            "assignee": assignee,
            "priority": priority,
            "estimate_minutes": estimate,
        },
        add={
            "acceptance_criteria": criteria or [],
            "checklist": [{"text": text, "done": False} for text in checklist or []],
            "depends_on": depends_on or [],
            "labels": labels or [],
        },
        remove={"depends_on": independent or [], "labels": unlabels or []},
    )
    if edit.is_empty:
        raise Usage("Say what to change: `kyros task edit --help` lists what can be.")
    state = state_of(context)
    _say(state, edited(state.client(), task_id, edit.patch, token), as_json)


@app.command("move")
def move_task(
    context: typer.Context,
    task_id: TaskId,
    to: Annotated[
        str, typer.Argument(help="The state it goes to; a wrong one is refused with the right ones.")
    ],
    note: Annotated[str, typer.Option("--note", "-n", help="Why, for its events.")] = "",
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Move a task over the board."""
    state = state_of(context)
    body = {"to": to, "note": note, "fencing_token": token}
    client = state.client()
    client.post(f"{path_of(task_id)}/transition", body, **{"Idempotency-Key": new_id("key")})
    _say(state, client.get(path_of(task_id)), as_json)


@app.command("check")
def check_item(
    context: typer.Context,
    task_id: TaskId,
    item: Annotated[str, typer.Argument(help="Number of the item, or how its text begins.")],
    undo: Annotated[bool, typer.Option("--undo", help="It is open after all.")] = False,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Tick an item of the checklist off."""
    state = state_of(context)
    client = state.client()
    text = _item(client.get(path_of(task_id))["checklist"], item)

    def ticked(task: dict[str, Any], _: dict[str, Any]) -> dict[str, Any]:
        if all(one["text"] != text for one in task["checklist"]):
            raise Usage(f"Somebody removed the item {text!r} meanwhile.")
        return {
            "checklist": [
                {**one, "done": not undo} if one["text"] == text else one for one in task["checklist"]
            ]
        }

    _say(state, edited(client, task_id, ticked, token), as_json)


def _item(checklist: list[dict[str, Any]], wanted: str) -> str:
    if wanted.isdecimal() and 1 <= int(wanted) <= len(checklist):
        return str(checklist[int(wanted) - 1]["text"])
    found = [one["text"] for one in checklist if one["text"].casefold().startswith(wanted.casefold())]
    if len(found) == 1:
        return str(found[0])
    said = "; ".join(f"{number}. {one['text']}" for number, one in enumerate(checklist, 1)) or "it has none"
    raise Usage(f"{'Several items begin' if found else 'No item begins'} with {wanted!r}: {said}.")


def project_id_of(client: Client, project: str) -> str:
    """Of a project Kyros works on, by its name or id; any other word stands for itself."""
    try:
        return str(client.get(f"/api/projects/{quote(project, safe='')}")["id"])
    except Refused as refusal:
        if refusal.facts.get("status") != _NOT_FOUND:
            raise
        return project


def _list(state: State, project: str | None, query: dict[str, Any], as_json: bool) -> None:
    client = state.client()
    project_id = project_id_of(client, project) if project else None
    page = client.get("/api/collab/tasks", project=project_id, **query)
    state.tell_of_more(page)
    if as_json:
        state.show_json(page["items"])
        return
    state.out.print(
        tasks_table(page["items"]) if page["items"] else "No such tasks: `kyros task create` makes one."
    )


def _say(state: State, task: dict[str, Any], as_json: bool) -> None:
    if as_json:
        state.show_json(task)
    else:
        state.out.print(Text(f"{task['id']} "), stands(task), sep="")


def _read(file: str | None) -> str | None:
    if file is None:
        return None
    if file == "-":
        return sys.stdin.read()
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Usage(
            f"The objective {file} cannot be read ({error}): name a Markdown file, or - for stdin."
        ) from error
