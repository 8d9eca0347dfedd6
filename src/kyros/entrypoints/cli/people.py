"""`kyros person …`: who may come in, and as what. Passwords are asked for or read, never an argument."""

import getpass
import sys
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.text import Text

from kyros.entrypoints.cli.failures import Refused, Usage
from kyros.entrypoints.cli.show import plain_table
from kyros.entrypoints.cli.state import Json, State, state_of

app = typer.Typer(help="People: who may come in, and as what.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The person's name.")]
Role = Annotated[
    str | None,
    typer.Option("--role", help="admin, operator, reviewer or viewer, in every project; '' for none."),
]
Project = Annotated[str, typer.Argument(help="Name or id of the project.")]
DisplayName = Annotated[str | None, typer.Option("--display-name", help="As people read it.")]
Email = Annotated[str | None, typer.Option("--email", help="Where mail reaches them; '' for nowhere.")]


@app.command("list")
def list_people(context: typer.Context, as_json: Json = False) -> None:
    """By name, disabled ones too."""
    state = state_of(context)
    found = _all(state)
    if as_json:
        state.show_json(found)
        return
    table = plain_table("person", "", "role", "projects", "since", "")
    for one in found:
        shared = ", ".join(f"{project}: {role}" for project, role in sorted(one["projects"].items()))
        out = "disabled" if one["disabled_at"] else ""
        table.add_row(
            one["name"], Text(one["display_name"]), one["role"] or "", shared, one["created_at"][:10], out
        )
    state.out.print(table if found else "Nobody yet: `kyros person add NAME --role admin` makes the first.")


@app.command("add")
def add_person(
    context: typer.Context,
    name: Name,
    role: Role = None,
    display_name: DisplayName = None,
    email: Email = None,
    as_json: Json = False,
) -> None:
    """Let somebody in; the first must be an admin. Asks for the password twice, or reads one line of standard
    input."""
    state = state_of(context)
    body = {
        "name": name,
        "password": _password("Password"),
        "display_name": display_name or "",
        "email": email or None,
        "role": role or None,
    }
    _say(state, state.client().post("/api/auth/people", body), as_json)


@app.command("edit")
def edit_person(
    context: typer.Context,
    name: Name,
    role: Role = None,
    display_name: DisplayName = None,
    email: Email = None,
    disabled: Annotated[
        bool | None, typer.Option("--disable/--enable", help="Out at once, or in again.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Change a person; a new role counts at once."""
    given = {"role": role, "display_name": display_name, "email": email, "disabled": disabled}
    body = {
        field: None if value == "" and field in ("role", "email") else value
        for field, value in given.items()
        if value is not None
    }
    if not body:
        raise Usage("Say what to change: `kyros person edit --help` lists what can be.")
    state = state_of(context)
    _say(state, state.client().patch(_path(name), body), as_json)


@app.command("password")
def set_password(context: typer.Context, name: Name) -> None:
    """Give somebody a new password, which ends their sessions. Asks for it twice, or reads one line of
    standard input."""
    state = state_of(context)
    state.client().put(f"{_path(name)}/password", {"password": _password("New password")})
    state.out.print(f"{name} signs in with the new password from now on.")


@app.command("join")
def join_project(
    context: typer.Context,
    name: Name,
    project: Project,
    role: Annotated[
        str, typer.Option("--role", help="admin, operator, reviewer or viewer, in this project.")
    ],
    as_json: Json = False,
) -> None:
    """Give somebody a role in one project."""
    state = state_of(context)
    path = f"{_path(name)}/projects/{_project_id(state, project)}"
    _say(state, state.client().put(path, {"role": role}), as_json)


@app.command("leave")
def leave_project(context: typer.Context, name: Name, project: Project, as_json: Json = False) -> None:
    """Take somebody's role in one project away."""
    state = state_of(context)
    _say(state, state.client().delete(f"{_path(name)}/projects/{_project_id(state, project)}"), as_json)


def _all(state: State) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = state.client().get("/api/auth/people", limit=200, cursor=cursor)
        found, cursor = found + page["items"], page["next_cursor"]
    return found


def _path(name: str) -> str:
    return f"/api/auth/people/{quote(name, safe='')}"


def _project_id(state: State, project: str) -> str:
    """Of a project Kyros has a repository of; any other word stands for itself."""
    try:
        return str(state.client().get(f"/api/projects/{quote(project, safe='')}")["id"])
    except Refused as refused:
        if refused.facts.get("code") != "project_not_found":
            raise
        return quote(project, safe="")


def _password(what: str) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass(f"{what}: ")
    if getpass.getpass("Once more: ") != first:
        raise Usage("The two are not the same: nothing was changed.")
    return first


def _say(state: State, person: dict[str, Any], as_json: bool) -> None:
    if as_json:
        state.show_json(person)
        return
    where = [person["role"] or "no role everywhere"]
    where += [f"{role} in {project}" for project, role in sorted(person["projects"].items())]
    out = ", disabled" if person["disabled_at"] else ""
    state.out.print(Text(f"{person['name']}: {', '.join(where)}{out}"))
