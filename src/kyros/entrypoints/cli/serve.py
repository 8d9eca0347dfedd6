"""`kyros up`, `kyros worker`, `kyros db upgrade`, `kyros openapi`: what runs the house."""

import json
import os
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from kyros.entrypoints.cli.client import token_of
from kyros.entrypoints.cli.state import HomeOption, State, state_of
from kyros.entrypoints.home import Home
from kyros.entrypoints.supervisor import Supervisor, bind
from kyros.infra.files import HomeLock, prepare_home, replace_file
from kyros.kernel.ids import new_id
from kyros.kernel.settings import read_settings

Host = Annotated[str | None, typer.Option("--host", help="Address to bind (KYROS_HOST).", show_default=False)]
Port = Annotated[
    int | None,
    typer.Option("--port", min=0, max=65535, help="Port to bind, 0 for a free one.", show_default=False),
]


def add_to(app: typer.Typer) -> None:
    app.command("up")(up)
    app.command("worker")(worker)
    app.command("openapi", hidden=True)(openapi)
    db = typer.Typer(help="The database of the home.", no_args_is_help=True)
    db.command("upgrade")(db_upgrade)
    app.add_typer(db, name="db")


def up(
    context: typer.Context,
    home: HomeOption = None,
    host: Host = None,
    port: Port = None,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the console, signed in.")] = False,
) -> None:
    """Run server, worker and console until Ctrl-C."""
    state = _at(state_of(context), home)
    settings = read_settings(state.home)
    host, port = host or settings.host, settings.port if port is None else port

    def ready(address: str) -> None:
        state.out.print(f"Kyros is listening on {address}", highlight=False)
        state.out.print(
            f"home {state.home} · token in {state.home / 'operator.token'} · Ctrl-C stops", style="dim"
        )
        state.out.file.flush()
        if open_browser:
            webbrowser.open(_signed_in_page(state.home, address))

    with prepared(state.home, host, port) as (supervisor, address):
        supervisor.run(lambda: ready(address))


@contextmanager
def prepared(home: Path, host: str, port: int) -> Iterator[tuple[Supervisor, str]]:
    """A supervisor on a home made ready, owned and migrated; refused before anything starts."""
    from kyros.entrypoints.migrate import (
        database_of,
        upgrade,
    )  # the database's library: only where it is needed

    root = prepare_home(home)
    lock = HomeLock(root)
    lock.take()
    listener = None
    try:
        listener = bind(host, port)
        place = Home(root)
        upgrade(database_of(read_settings(root)))
        place.installation()  # before the children, who would both make it
        number = listener.getsockname()[1]
        address = f"http://{_named(host)}:{number}"
        place.write_address(address)
        environment = os.environ | {"KYROS_HOME": str(root), "KYROS_HOST": host, "KYROS_PORT": str(number)}
        yield Supervisor(listener, lock, environment, root), address
    finally:
        if listener is not None:
            listener.close()
        lock.release()


def worker(context: typer.Context) -> None:
    """Run one more worker on this home, in the foreground. `kyros up` already runs one."""
    from kyros.entrypoints.worker import run_worker

    os.environ["KYROS_HOME"] = str(state_of(context).home)
    run_worker(new_id("worker"))


def db_upgrade(context: typer.Context) -> None:
    """Bring the database to the newest schema (`kyros up` does it by itself)."""
    from kyros.entrypoints.migrate import database_of, newest_revision, upgrade

    state = state_of(context)
    upgrade(database_of(read_settings(prepare_home(state.home))))
    state.out.print(f"The database is at {newest_revision()}.")


def openapi(context: typer.Context) -> None:
    """Print the OpenAPI document of the server."""
    from kyros.entrypoints.openapi import document

    state_of(context).out.file.write(json.dumps(document(), indent=2) + "\n")


def _signed_in_page(home: Path, address: str) -> str:
    """A page of ours (0600) that leads to the console, signed in: a browser's command line is for all to
    read, so the token may not stand there."""
    page = home / "run" / "open.html"
    link = f"{address}/#token={token_of(home)}"
    replace_file(page, f'<meta http-equiv="refresh" content="0; url={link}">'.encode(), 0o600)
    return page.as_uri()


def _at(state: State, home: Path | None) -> State:
    state.home = prepare_home(home or state.home)
    return state


def _named(host: str) -> str:
    if host in ("0.0.0.0", "::"):  # noqa: S104 - a comparison: how to reach what binds everywhere
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
