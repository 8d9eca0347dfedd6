"""`kyros lease …`: see what is held, take it, keep it, give it back, hold it while a command runs."""

from contextlib import suppress
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from kyros.entrypoints.cli import show
from kyros.entrypoints.cli.client import Client, part
from kyros.entrypoints.cli.failures import Refused, Unreachable, Usage
from kyros.entrypoints.cli.hold import run_held
from kyros.entrypoints.cli.state import Json, State, state_of
from kyros.kernel.ids import new_id

app = typer.Typer(help="Exclusive, expiring rights: who works on what.", no_args_is_help=True)

LockId = Annotated[str, typer.Argument(help="The lock, as `acquire` said it.")]

_PATH = "/api/collab/leases"
_CONFLICT = 409


@app.command("list")
def list_leases(
    context: typer.Context,
    holder: Annotated[str | None, typer.Option(help="Only what this person, agent or run holds.")] = None,
    resource: Annotated[str | None, typer.Option(help="Only resources that begin so.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="At most so many.")] = 50,
    as_json: Json = False,
) -> None:
    """What is held, and for how long without a heartbeat."""
    state = state_of(context)
    page = state.client().get(_PATH, holder=holder, resource=resource, limit=limit)
    state.tell_of_more(page)
    if as_json:
        state.show_json(page["items"])
    elif page["items"]:
        state.out.print(_table(page["items"]))
    else:
        state.out.print("Nothing is held.")


@app.command("acquire")
def acquire(
    context: typer.Context,
    resource: Annotated[
        str, typer.Argument(help="task:T-100, branch:PROJECT/NAME, path:PROJECT/GLOB or any name.")
    ],
    command: Annotated[list[str] | None, typer.Argument(help="What to run, after `--hold --`.")] = None,
    also: Annotated[
        list[str] | None, typer.Option("--also", help="One more, all or none; repeat it.")
    ] = None,
    ttl: Annotated[
        float, typer.Option("--ttl", min=1, max=86_400, help="Seconds it lives without a heartbeat.")
    ] = 60,
    wait: Annotated[
        float, typer.Option("--wait", min=0, max=50, help="Seconds to stand in line for it.")
    ] = 0,
    hold: Annotated[
        bool, typer.Option("--hold", help="Keep it while a command runs, then give it back.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Take a lease, or several together; what you hold already is kept."""
    if hold != bool(command):
        raise Usage(
            "To hold it while a command runs, say both: kyros lease acquire RESOURCE --hold -- COMMAND."
        )
    state = state_of(context)
    body = {"resources": [resource, *(also or [])], "ttl_seconds": ttl, "wait_seconds": wait}
    lock = state.client().post(f"{_PATH}/acquire", body, **{"Idempotency-Key": new_id("key")})
    if command:
        raise typer.Exit(_hold(state, lock, command))
    _show(state, lock, as_json)


@app.command("heartbeat")
def heartbeat(context: typer.Context, lock_id: LockId, as_json: Json = False) -> None:
    """One TTL more for all that is held under the lock."""
    state = state_of(context)
    _show(state, state.client().post(_path(lock_id, "heartbeat")), as_json)


@app.command("release")
def release(context: typer.Context, lock_id: LockId, as_json: Json = False) -> None:
    """Give it back; one that is gone already is fine."""
    state = state_of(context)
    answer = state.client().post(_path(lock_id, "release"))
    if as_json:
        state.show_json(answer)
    else:
        state.out.print(f"{lock_id} is released.")


@app.command("reclaim")
def reclaim(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(help="A lock, or a resource whose lock is meant; else all expired ones.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Take back what has run out, or one lock by force; its holder learns it by a heartbeat."""
    state = state_of(context)
    body = {} if name is None else {"lock_id" if name.startswith("lock_") else "resource": name}
    taken = state.client().post(f"{_PATH}/reclaim", body)["leases"]
    if as_json:
        state.show_json(taken)
        return
    for lease in taken:
        state.out.print(Text(f"{lease['resource']} was taken back from {lease['holder']}."))
    if not taken:
        state.out.print("No lease has run out.")


def _hold(state: State, lock: dict[str, Any], command: list[str]) -> int:
    """Runs the command; its exit code. Raises Refused when the lease was lost meanwhile."""
    patient = max(1.0, lock["ttl_seconds"] / 4)  # a server that hangs must not cost us the next heartbeat
    beating = Client(state.home.expanduser(), timeout_seconds=patient)
    try:
        code, lost = run_held(command, lock, lambda: beating.post(_path(lock["lock_id"], "heartbeat")))
    finally:
        with suppress(Refused, Unreachable):  # then it runs out by itself
            beating.post(_path(lock["lock_id"], "release"))
        beating.close()
    if lost is not None:
        raise Refused(
            f"The lease was lost, the command was stopped: {lost}", status=_CONFLICT, code="lease_lost"
        )
    return code


def _path(lock_id: str, verb: str) -> str:
    return f"{_PATH}/{part(lock_id)}/{verb}"


def _show(state: State, lock: dict[str, Any], as_json: bool) -> None:
    if as_json:
        state.show_json(lock)
        return
    state.out.print(
        f"{lock['lock_id']}: yours for {show.seconds(lock['expires_in_ms'])} without a heartbeat."
    )
    for lease in lock["leases"]:
        state.out.print(Text(f"{lease['resource']} (fencing token {lease['fencing_token']})", style="dim"))


def _table(leases: list[dict[str, Any]]) -> Table:
    table = show.plain_table("resource", "holder", "token", "left", "lock")
    for lease in leases:
        left = Text(show.seconds(lease["expires_in_ms"])) if lease["live"] else Text("run out", style="red")
        table.add_row(
            Text(lease["resource"]),
            Text(lease["holder"]),
            str(lease["fencing_token"]),
            left,
            lease["lock_id"],
        )
    return table
