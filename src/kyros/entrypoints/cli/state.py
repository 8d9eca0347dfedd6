"""What every command knows: the home, whether answers are JSON, where to print."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from kyros.entrypoints.cli.client import Client
from kyros.kernel.settings import Settings

Json = Annotated[bool, typer.Option("--json", help="Answer as JSON on stdout.")]
HomeOption = Annotated[
    Path | None, typer.Option("--home", help="Where all data lives (KYROS_HOME).", show_default=False)
]


@dataclass
class State:
    home: Path = field(default_factory=lambda: Settings().home)
    out: Console = field(default_factory=Console)
    err: Console = field(default_factory=lambda: Console(stderr=True))

    def client(self) -> Client:
        return Client(self.home.expanduser())

    def show_json(self, value: Any) -> None:
        self.out.file.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def state_of(context: typer.Context) -> State:
    state: State = context.ensure_object(State)
    return state
