"""`kyros collab …`: which store keeps the home's tasks, leases and agents, and moving between them."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from kyros.collab.model import Kept, Which
from kyros.entrypoints.cli.state import Json, State, state_of
from kyros.infra.files import HomeLock, HomeUnusable, prepare_home
from kyros.kernel.settings import Settings, read_settings

app = typer.Typer(help="Where tasks, leases and agents are kept.", no_args_is_help=True)

_PATIENCE_SECONDS = 1.0


@app.command("status")
def status(context: typer.Context, as_json: Json = False) -> None:
    """Say which store the home uses and how much it holds."""
    from kyros.entrypoints.bootstrap import state_keeping  # the whole house: only where it is needed

    state = state_of(context)
    _check_started(state.home)
    settings = read_settings(prepare_home(state.home))
    _check_schema(settings)
    with state_keeping(settings) as keeping:
        _show(state, asyncio.run(keeping.look()), as_json)


@app.command("migrate")
def migrate(
    context: typer.Context,
    to: Annotated[Which, typer.Option("--to", help="files (SQLite only) or sql.")],
    as_json: Json = False,
) -> None:
    """Move everything to the other store, compared by count and digest, while Kyros is stopped."""
    from kyros.entrypoints.bootstrap import state_keeping  # the whole house: only where it is needed
    from kyros.entrypoints.migrate import database_of, upgrade

    state = state_of(context)
    _check_started(state.home)
    root = prepare_home(state.home)
    lock = HomeLock(root)
    lock.take(_PATIENCE_SECONDS)
    try:
        settings = read_settings(root)
        upgrade(database_of(settings))
        with state_keeping(settings) as keeping:
            moving = keeping.to_files() if to is Which.FILES else keeping.to_sql()
            _show(state, asyncio.run(moving), as_json)
    finally:
        lock.release()


def _check_started(home: Path) -> None:
    """A misspelt home is told, and nothing made there."""
    from kyros.entrypoints.migrate import database_of

    root = home.expanduser().absolute()
    database = database_of(read_settings(root))
    if isinstance(database, Path) and not database.exists():
        raise HomeUnusable(
            f"No Kyros has kept anything at {root} yet: name its home with --home or KYROS_HOME, or make one "
            "there with `kyros up`."
        )


def _check_schema(settings: Settings) -> None:
    from kyros.entrypoints.migrate import current_revision, database_of, newest_revision

    if current_revision(database_of(settings)) != newest_revision():
        raise HomeUnusable(
            f"The database of {settings.home} is not there yet or older than this Kyros: "
            "`kyros up` or `kyros db upgrade` makes it."
        )


def _show(state: State, kept: Kept, as_json: bool) -> None:
    if as_json:
        state.show_json({"store": kept.store, "folder": str(kept.folder), "counts": dict(kept.counts)})
        return
    state.out.print(kept.in_words, markup=False, highlight=False)
    if kept.advice:
        state.out.print(kept.advice, markup=False, highlight=False)
