"""`kyros profile …`: the coding-agent programs this machine has."""

from typing import Annotated

import typer

from kyros.entrypoints.cli.client import part
from kyros.entrypoints.cli.show import profiles_table
from kyros.entrypoints.cli.state import Json, state_of
from kyros.entrypoints.home import Home

app = typer.Typer(help="Coding-agent programs.", no_args_is_help=True)


@app.command("list")
def list_profiles(context: typer.Context, as_json: Json = False) -> None:
    """Those found on the PATH, and how to get the others. Needs no server."""
    from kyros.entrypoints.bootstrap import installed_profiles  # the whole house: only where it is needed

    state = state_of(context)
    found = [one.__dict__ for one in installed_profiles(Home(state.home))]
    if as_json:
        state.show_json(found)
    else:
        state.out.print(profiles_table(found))


@app.command("resume")
def resume_profile(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The profile's name.")],
    as_json: Json = False,
) -> None:
    """Let a profile work again that waits for its vendor's usage limit."""
    state = state_of(context)
    profile = state.client().post(f"/api/profiles/{part(name)}/resume")
    if as_json:
        state.show_json(profile)
    else:
        state.out.print(f"{name} may work.", markup=False, highlight=False)
