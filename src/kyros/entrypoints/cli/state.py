"""What every command knows: the home, whether answers are JSON, where to print."""

import json
import os
from collections.abc import Mapping
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
    _client: Client | None = None

    def client(self) -> Client:
        if self._client is None:
            self._client = Client(self.home.expanduser())
        return self._client

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def show_json(self, value: Any) -> None:
        self.out.file.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
        self.out.file.flush()  # here a full disk is still ours to tell

    def tell_of_more(self, page: Mapping[str, Any]) -> None:
        """Beside the items, when the page is not the last: whoever reads them must not think they are all."""
        if page["next_cursor"] is not None:
            count = len(page["items"])
            self.err.print(
                f"There are more than these {count}: narrow it down, or raise --limit (up to 200).",
                style="bright_black",
                highlight=False,
            )


def _console() -> Console:
    """A pipe has no width: nothing is wrapped there, so that ids can be cut out and searched for."""
    console = Console()
    return console if console.is_terminal or "COLUMNS" in os.environ else Console(width=400)


def state_of(context: typer.Context) -> State:
    state: State = context.ensure_object(State)
    context.call_on_close(state.close)
    return state
