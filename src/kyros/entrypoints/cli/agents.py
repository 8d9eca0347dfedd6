"""`kyros agent …`: the registry of named agents, their availability and their tokens."""

from typing import Annotated, Any

import typer
from rich.text import Text

from kyros.entrypoints.cli import show
from kyros.entrypoints.cli.client import part
from kyros.entrypoints.cli.edits import Edit, edited_at
from kyros.entrypoints.cli.failures import Usage
from kyros.entrypoints.cli.state import Json, State, state_of
from kyros.kernel.ids import new_id

app = typer.Typer(help="Named agents: who works here, on what, with which token.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The agent's name.")]
Role = Annotated[str | None, typer.Option("--role", help="agent or manager.")]
Skills = Annotated[
    list[str] | None, typer.Option("--skill", "-s", help="Something it is good at; repeat it.")
]
Profile = Annotated[str | None, typer.Option("--profile", help="The program that plays it; '' for none.")]
Projects = Annotated[
    list[str] | None, typer.Option("--project", "-p", help="A project it may work on; repeat it.")
]


@app.command("register")
def register_agent(
    context: typer.Context,
    name: Name,
    role: Role = None,
    skills: Skills = None,
    profile: Profile = None,
    projects: Projects = None,
    as_json: Json = False,
) -> None:
    """Register an agent and print its token, which is told this once."""
    state = state_of(context)
    body = {"name": name, "skills": skills or [], "profile": profile or None, "projects": projects or []}
    key = {"Idempotency-Key": new_id("key")}
    made = state.client().post("/api/collab/agents", body | ({"role": role} if role else {}), **key)
    _tell_token(state, made, as_json)


@app.command("list")
def list_agents(
    context: typer.Context,
    role: Role = None,
    skill: Annotated[str | None, typer.Option("--skill", "-s", help="Only those good at it.")] = None,
    status: Annotated[str | None, typer.Option(help="idle, working or offline.")] = None,
    available: Annotated[
        bool | None, typer.Option("--available/--unavailable", help="Only those who take work, or do not.")
    ] = None,
    project: Annotated[
        str | None, typer.Option("--project", "-p", help="Only those who may work on it.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="At most so many.")] = 50,
    as_json: Json = False,
) -> None:
    """By name, with where each stands."""
    state = state_of(context)
    taking = None if available is None else str(available).lower()
    query = {"role": role, "skill": skill, "status": status, "available": taking, "project": project}
    page = state.client().get("/api/collab/agents", **query, limit=limit)
    state.tell_of_more(page)
    found = page["items"]
    if as_json:
        state.show_json(found)
        return
    table = show.plain_table("agent", "status", "takes work", "role", "skills", "projects", "profile", "seen")
    for agent in found:
        table.add_row(
            agent["name"], show.status(agent["status"]), "yes" if agent["available"] else "no",
            agent["role"], Text(", ".join(agent["skills"])), ", ".join(agent["projects"]) or "all",
            agent["profile"] or "", _seen(agent),
        )  # fmt: skip
    state.out.print(table if found else "No such agents: `kyros agent register` makes one.")


@app.command("show")
def show_agent(context: typer.Context, name: Name, as_json: Json = False) -> None:
    """One agent: where it stands, what it is good at, what it may work on."""
    state = state_of(context)
    _say(state, state.client().get(_path(name)), as_json)


@app.command("edit")
def edit_agent(
    context: typer.Context,
    name: Name,
    role: Role = None,
    skills: Skills = None,
    unskills: Annotated[list[str] | None, typer.Option("--unskill", help="Takes a skill away.")] = None,
    profile: Profile = None,
    projects: Projects = None,
    unprojects: Annotated[
        list[str] | None, typer.Option("--unproject", help="Takes a project away; never the last one.")
    ] = None,
    everywhere: Annotated[bool, typer.Option("--everywhere", help="It may work on every project.")] = False,
    as_json: Json = False,
) -> None:
    """Change an agent; what somebody else changes meanwhile is kept."""
    edit = Edit(
        put={"role": role, "profile": profile},
        add={"skills": skills or [], "projects": projects or []},
        remove={"skills": unskills or [], "projects": unprojects or []},
    )
    if edit.is_empty and not everywhere:
        raise Usage("Say what to change: `kyros agent edit --help` lists what can be.")
    if everywhere and (projects or unprojects):
        raise Usage("Name projects, or say --everywhere.")

    def patch(agent: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
        found = dict(edit.patch(agent, before))
        if found.get("projects") == []:
            raise Usage(f"{name} would be let into every project: say --everywhere if that is what you want.")
        return found | ({"projects": []} if everywhere else {})

    state = state_of(context)
    _say(state, edited_at(state.client(), _path(name), patch), as_json)


@app.command("availability")
def set_availability(
    context: typer.Context,
    name: Name,
    available: Annotated[bool, typer.Option("--yes/--no", help="Whether it takes work.")],
    as_json: Json = False,
) -> None:
    """Say whether an agent takes work."""
    state = state_of(context)
    client = state.client()
    client.post(f"{_path(name)}/availability", {"available": available})
    _say(state, client.get(_path(name)), as_json)


@app.command("token")
def renew_token(context: typer.Context, name: Name, as_json: Json = False) -> None:
    """Give an agent a new token, printed this once; the old one dies."""
    state = state_of(context)
    key = {"Idempotency-Key": new_id("key")}
    _tell_token(state, state.client().post(f"{_path(name)}/token", **key), as_json)


@app.command("remove")
def remove_agent(context: typer.Context, name: Name, as_json: Json = False) -> None:
    """Remove an agent: its token dies, what it holds is free, its events stay."""
    state = state_of(context)
    removed = state.client().delete(_path(name))
    if as_json:
        state.show_json(removed)
    else:
        state.out.print(f"{name} is removed.", markup=False, highlight=False)


def _path(name: str) -> str:
    return f"/api/collab/agents/{part(name)}"


def _tell_token(state: State, made: dict[str, Any], as_json: bool) -> None:
    """The token alone on standard output, for a pipe; what to know of it beside."""
    if as_json:
        state.show_json(made)
        return
    state.err.print(f"{made['name']} signs in with this token; it is not told again:", highlight=False)
    state.out.file.write(f"{made['token']}\n")


def _say(state: State, agent: dict[str, Any], as_json: bool) -> None:
    if as_json:
        state.show_json(agent)
        return
    takes = "takes work" if agent["available"] else "takes no work"
    state.out.print(Text(f"{agent['name']} is "), show.status(agent["status"]), f" and {takes}", sep="")
    facts = {
        "role": agent["role"],
        "skills": ", ".join(agent["skills"]),
        "projects": ", ".join(agent["projects"]) or "all",
        "profile": agent["profile"],
        "seen": _seen(agent),
    }
    for title, fact in facts.items():
        if fact:
            state.out.print(Text(f"  {title}: {fact}", style="dim"))


def _seen(agent: dict[str, Any]) -> str:
    return show.age(agent["last_seen"]) if agent["last_seen"] else "never"
