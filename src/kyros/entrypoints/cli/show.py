"""How things look in a terminal: tables of runs, steps, pulls; diffs in colour; ages and durations."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

_COLOURS = {
    "succeeded": "green", "passed": "green", "merged": "magenta", "done": "green", "running": "cyan",
    "queued": "yellow", "waiting": "bright_black", "pending": "yellow", "open": "cyan", "failed": "red",
    "timed_out": "red", "cancelled": "bright_black", "blocked": "red", "closed": "bright_black",
    "not_configured": "bright_black", "review": "cyan",
}  # fmt: skip
_MARKS = {"done": "✓", "running": "●", "failed": "✗", "waiting": "·"}


def status(word: str) -> Text:
    return Text(word, style=_COLOURS.get(word, ""))


def seconds(duration_ms: int | None) -> str:
    if duration_ms is None:
        return ""
    if duration_ms < 1_000:
        return f"{duration_ms} ms"
    if duration_ms < 60_000:
        return f"{duration_ms / 1000:.1f} s"
    return f"{duration_ms // 60_000} min {duration_ms % 60_000 // 1000} s"


def age(moment: str) -> str:
    passed = int((datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds())
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if passed >= size:
            return f"{passed // size} {unit} ago"
    return f"{max(passed, 0)} s ago"


def runs_table(runs: Iterable[Mapping[str, Any]]) -> Table:
    table = _table("run", "task", "title", "project", "agent", "status", "pull", "begun")
    for run in runs:
        pull = f"#{run['pull_number']}" if run["pull_number"] else ""
        state = status(run["status"])
        if run["reason"]:
            state.append(f" ({run['reason']})")
        table.add_row(
            run["id"],
            run["task_id"],
            Text(run["task_title"]),
            Text(run["project"]),
            run["agent"],
            state,
            pull,
            age(run["created_at"]),
        )
    return table


def steps_table(steps: Iterable[Mapping[str, Any]]) -> Table:
    """One line a step with what it took; with the number of tries where there were several."""
    table = _table("", "step", "took", "what came of it")
    for step in steps:
        mark = Text(_MARKS[step["status"]], style=_COLOURS[step["status"]])
        tries = f" ({step['attempt']} tries)" if step["attempt"] > 1 else ""
        table.add_row(mark, step["title"] + tries, seconds(step["duration_ms"]), Text(step["note"]))
    return table


def pulls_table(pulls: Iterable[Mapping[str, Any]]) -> Table:
    table = _table("pull", "title", "state", "checks", "branch", "id")
    for pull in pulls:
        checks = Text(" ").join(status(check["verdict"]) for check in pull["checks"])
        table.add_row(
            f"{pull['project']}#{pull['number']}", Text(pull["title"]), status(pull["state"]), checks,
            pull["head"], pull["id"],
        )  # fmt: skip
    return table


def profiles_table(profiles: Iterable[Mapping[str, Any]]) -> Table:
    table = _table("agent", "what", "installed", "how to get it")
    for one in profiles:
        title = one["title"] if one["is_model"] else f"{one['title']} (not a model)"
        found = Text(one["program"], style="green") if one["program"] else Text("no", style="bright_black")
        table.add_row(one["name"], title, found, "" if one["program"] else one["install_hint"])
    return table


def entry(one: Mapping[str, Any]) -> Text:
    """A line of a transcript: when, what it is, and what it says; of a diff its patch."""
    said = one["details"].get("patch") or one["text"]
    if one["kind"] == "approval":
        verdict = "allowed" if one["details"].get("allowed") else "denied"
        said = f"{verdict} {one['details'].get('subject') or said} ({one['details'].get('rule')})"
    elif one["kind"] == "end":
        said = " ".join(str(word) for word in (one["details"].get("result"), one["text"]) if word)
    head = Text(f"{one['at'][11:19]} {one['kind']:<11} ", style="dim")
    return head.append(said.replace("\n", f"\n{' ' * 21}"), style="none")


def diff(text: str) -> Syntax:
    return Syntax(text, "diff", theme="ansi_dark", background_color="default", word_wrap=True)


def plain_table(*columns: str) -> Table:
    return _table(*columns)


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=number == 0)  # what a row is named by stays whole
    return table
