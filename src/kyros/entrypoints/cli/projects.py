"""`kyros project …`: repositories Kyros works on and their settings."""

from typing import Annotated

import typer
from rich.text import Text

from kyros.entrypoints.cli.rules import rules
from kyros.entrypoints.cli.show import plain_table
from kyros.entrypoints.cli.state import Json, state_of

app = typer.Typer(help="Repositories Kyros works on.", no_args_is_help=True)
app.command("rules")(rules)


@app.command("list")
def list_projects(context: typer.Context, as_json: Json = False) -> None:
    """Every project and where it came from."""
    state = state_of(context)
    projects = state.client().get("/api/projects")["items"]
    if as_json:
        state.show_json(projects)
        return
    table = plain_table("project", "base", "source", "bare copy")
    for one in projects:
        table.add_row(Text(one["name"]), one["default_base"], Text(one["source"]), Text(one["forge_path"]))
    state.out.print(table if projects else "No projects yet: `kyros delegate` makes one of any repository.")


@app.command("set")
def set_project(
    context: typer.Context,
    project: Annotated[str, typer.Argument(help="Name or id.")],
    checks: Annotated[
        str,
        typer.Option("--checks", help="Check command where the repository has no kyros.toml; '' removes it."),
    ],
) -> None:
    """Change a project's settings."""
    state = state_of(context)
    state.client().put(f"/api/projects/{project}/settings", {"check_command": checks or None})
    state.out.print(f"Checks of {project}: {checks or 'none'}", markup=False, highlight=False)
