"""Follows a run in the terminal: a bar with the step, the agent's screen below, the table at the end."""

import base64
import re
import threading
import time
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from kyros.entrypoints.cli.client import Client
from kyros.entrypoints.cli.failures import RunFailed, Unreachable
from kyros.entrypoints.cli.show import status, steps_table
from kyros.kernel.errors import KyrosError

ENDED = ("succeeded", "failed", "cancelled", "timed_out")
_PANE_ROWS = 14
_POLL_SECONDS = 0.15
_PATIENCE_SECONDS = 60
_CONTROLS = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[@-_])|[\x00-\x08\x0b-\x1f]")


def follow(client: Client, run_id: str, out: Console) -> dict[str, Any]:
    """Show the run until it has ended; returns it. A server that restarts meanwhile is waited for."""
    pane = _Pane(client, run_id)
    pane.start()
    show = _show_live if out.is_terminal else _show_lines
    try:
        run = show(client, run_id, out, pane)
    except KeyboardInterrupt:
        out.print(f"The run goes on: `kyros run follow {run_id}` watches, `kyros stop {run_id}` stops it.")
        raise SystemExit(130) from None
    out.print(steps_table(run["steps"]))
    return run


def verdict(run: dict[str, Any], out: Console) -> None:
    """Say how it ended. Raises RunFailed unless it succeeded."""
    if run["status"] == "succeeded":
        out.print(
            Text.assemble(
                "Run ", run["id"], " ", status("succeeded"), f": pull request #{run['pull_number']}"
            )
        )
        return
    raise RunFailed(f"Run {run['id']} {run['status']} ({run['reason']}): {run['explanation']}")


class _Pane(threading.Thread):
    """The agent's screen, fed from the run's log."""

    def __init__(self, client: Client, run_id: str) -> None:
        import pyte  # only who follows a run waits for it

        super().__init__(daemon=True)
        self._client = client
        self._path = f"/api/runs/{run_id}/log"
        self._screen = pyte.Screen(120, 40)
        self._stream = pyte.ByteStream(self._screen)
        self._guard = threading.Lock()
        self._fresh = ""
        self.over = threading.Event()

    def run(self) -> None:
        try:
            for event, data in self._client.stream(self._path):
                if event == "output":
                    self._feed(base64.b64decode(data))
        except KyrosError:
            pass  # the run itself is still followed; only its picture ends
        finally:
            self.over.set()

    def lines(self) -> list[str]:
        with self._guard:
            shown = [line.rstrip() for line in self._screen.display]
        while shown and not shown[-1]:
            shown.pop()
        return shown[-_PANE_ROWS:]

    def fresh(self) -> list[str]:
        """Whole lines since the last call as they stood when they ended, for a terminal that is none."""
        with self._guard:
            *whole, self._fresh = self._fresh.split("\n")
        return [_CONTROLS.sub("", line.rstrip("\r").rpartition("\r")[2]) for line in whole]

    def _feed(self, data: bytes) -> None:
        with self._guard:
            self._stream.feed(data)
            self._fresh += data.decode(errors="replace")


def _show_live(client: Client, run_id: str, out: Console, pane: _Pane) -> dict[str, Any]:
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    run = client.get(f"/api/runs/{run_id}")
    work = bar.add_task("", total=len(run["steps"]))
    with Live(console=out, refresh_per_second=10, transient=True) as live:
        while True:
            run = _get(client, run_id)
            done = [step for step in run["steps"] if step["status"] == "done"]
            bar.update(work, completed=len(done), description=_now(run))
            body = Text("\n".join(pane.lines()), no_wrap=True, overflow="crop")
            panes = [Panel(body, title=run["agent"], title_align="left", border_style="bright_black")]
            if asking := _asked(run):
                panes.append(Panel(Text(asking), title="Waiting for you", border_style="yellow"))
            live.update(Group(bar, *panes))
            if run["status"] in ENDED:
                return run
            time.sleep(_POLL_SECONDS)


def _show_lines(client: Client, run_id: str, out: Console, pane: _Pane) -> dict[str, Any]:
    told: set[tuple[str, str]] = set()
    asked = None
    while True:
        run = _get(client, run_id)
        for step in run["steps"]:
            mark = (step["name"], step["status"])
            if step["status"] in ("running", "failed") and mark not in told:
                told.add(mark)
                out.out(f"▸ {step['title']}{': failed' if step['status'] == 'failed' else ''}")
        if run["status"] in ENDED:
            pane.over.wait(5)
        for line in pane.fresh():
            out.out(line, highlight=False)
        if (asking := _asked(run)) not in (None, asked):
            out.out(f"▸ Waiting for you: {asking}", highlight=False)
        asked = asking
        if run["status"] in ENDED:
            return run
        time.sleep(_POLL_SECONDS)


def _get(client: Client, run_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            run: dict[str, Any] = client.get(f"/api/runs/{run_id}")
            return run
        except Unreachable:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def _asked(run: dict[str, Any]) -> str | None:
    """What a person is asked, and how to answer."""
    return run["explanation"] if run["status"] == "blocked" else None


def _now(run: dict[str, Any]) -> str:
    running = next((step["title"] for step in run["steps"] if step["status"] == "running"), None)
    return running or f"{run['status']}"
