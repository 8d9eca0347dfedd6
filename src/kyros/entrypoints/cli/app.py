"""The tree of commands."""

from pathlib import Path
from typing import Annotated

import typer

from kyros import __version__
from kyros.entrypoints.cli import (
    agents,
    approvals,
    attach,
    budgets,
    collab,
    delegate,
    demo,
    doctor,
    events,
    leases,
    people,
    pool,
    profiles,
    projects,
    pulls,
    runs,
    seed,
    serve,
    tasks,
    tokens,
    usage,
)
from kyros.entrypoints.cli.state import State

app = typer.Typer(
    name="kyros",
    help="A self-hosted control plane for coding agents: hand over a task, review a pull request.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"kyros {__version__}")
        raise typer.Exit


@app.callback()
def main(
    context: typer.Context,
    home: Annotated[
        Path | None, typer.Option("--home", help="Where all data lives (KYROS_HOME).", show_default=False)
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version and end.")
    ] = False,
) -> None:
    context.obj = State(home) if home else State()


serve.add_to(app)
demo.add_to(app)
delegate.add_to(app)
runs.add_to(app)
attach.add_to(app)
app.add_typer(approvals.app, name="approve")
app.add_typer(tasks.app, name="task")
seed.add_to(app)
app.add_typer(leases.app, name="lease")
app.add_typer(events.app, name="event")
app.add_typer(collab.app, name="collab")
usage.add_to(app)
app.add_typer(budgets.app, name="budget")
app.add_typer(pulls.app, name="pull")
app.add_typer(projects.app, name="project")
app.add_typer(agents.app, name="agent")
app.add_typer(profiles.app, name="profile")
pool.add_to(app)
app.add_typer(people.app, name="person")
app.add_typer(tokens.app, name="token")
doctor.add_to(app)
