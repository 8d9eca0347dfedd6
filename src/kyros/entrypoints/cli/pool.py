"""`kyros pool`: the sessions that work and those kept ready."""

import typer
from rich.text import Text

from kyros.entrypoints.cli.show import plain_table
from kyros.entrypoints.cli.state import Json, state_of


def add_to(app: typer.Typer) -> None:
    app.command("pool")(pool)


def pool(context: typer.Context, as_json: Json = False) -> None:
    """Sessions at work and sessions kept ready, and how many executions wait."""
    state = state_of(context)
    health = state.client().get("/api/pool/health")
    if as_json:
        state.show_json(health)
        return
    table = plain_table("session", "agent", "state", "serves", "idle", "restarts")
    for one in health["workers"]:
        standing = "busy" if one["busy"] else "ready" if one["ready"] else "starting"
        idle = "" if one["busy"] else f"{one['idle']} s"
        serves = one["currentTask"] or ""
        table.add_row(one["id"], one["profile"], Text(standing), serves, idle, str(one["restarts"]))
    if health["workers"]:
        state.out.print(table)
    state.out.print(f"The pool is {health['status']}; {health['queued']} executions wait.")
