"""What every command knows: the home, whether answers are JSON, where to print."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from kyros.entrypoints.cli.client import Client
from kyros.kernel.settings import read_settings

Json = Annotated[bool, typer.Option("--json", help="Answer as JSON on stdout.")]
HomeOption = Annotated[
    Path | None, typer.Option("--home", help="Where all data lives (KYROS_HOME).", show_default=False)
]


@dataclass
class State:
    home: Path = field(default_factory=lambda: read_settings().home)
    out: Console = field(default_factory=lambda: _console())
    err: Console = field(default_factory=lambda: Console(stderr=True))

    def client(self) -> Client:
        return Client(self.home.expanduser())

    def show_json(self, value: Any) -> None:
        self.out.file.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def _console() -> Console:
    """A pipe has no width: nothing is wrapped there, so that ids can be cut out and searched for."""
    console = Console()
    return console if console.is_terminal or "COLUMNS" in os.environ else Console(width=400)


def state_of(context: typer.Context) -> State:
    state: State = context.ensure_object(State)
    return state
