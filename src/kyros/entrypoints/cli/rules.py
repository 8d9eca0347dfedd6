"""`kyros project rules`: which requests of agents a project allows, refuses or puts to a person."""

import sys
import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from kyros.entrypoints.cli.client import part
from kyros.entrypoints.cli.failures import Usage
from kyros.entrypoints.cli.show import plain_table
from kyros.entrypoints.cli.state import Json, State, state_of

_NAMED = ("kind", "tool", "path", "command", "host")


def rules(
    context: typer.Context,
    project: Annotated[str, typer.Argument(help="Name or id.")],
    file: Annotated[
        str | None,
        typer.Option("--set", help="TOML with [[approvals]], in place of the rules there are; - for stdin."),
    ] = None,
    as_json: Json = False,
) -> None:
    """The project's own rules for approvals, in the order in which they are tried."""
    state = state_of(context)
    path = f"/api/projects/{part(project)}/rules"
    found = state.client().get(path)
    if file is not None:
        found = state.client().put(path, {"rules": _read(file)}, **{"If-Match": found["etag"]})
    if as_json:
        state.show_json(found)
    else:
        _show(state, found["rules"])


def _read(file: str) -> list[Any]:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Usage(
            f"The rules {file} cannot be read ({error}): name a TOML file, or - for stdin."
        ) from error
    found = table.pop("approvals", [])
    if table or not isinstance(found, list):
        raise Usage(f"{file} must hold [[approvals]] and nothing else: see docs/reference/approvals.md.")
    return found


def _show(state: State, found: list[dict[str, Any]]) -> None:
    if not found:
        state.out.print("No rules of its own: those of the agent's profile count, then the defaults.")
        return
    table = plain_table("", "action", *_NAMED)
    for number, rule in enumerate(found, 1):
        cells = [Text(rule[name] or "") for name in _NAMED]
        table.add_row(str(number), rule["action"], *cells)
    state.out.print(table)
