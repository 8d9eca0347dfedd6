"""`kyros usage`: what agents have used, summed up."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.table import Table

from kyros.entrypoints.cli import show
from kyros.entrypoints.cli.failures import Usage
from kyros.entrypoints.cli.state import Json, state_of

_UNITS = {"d": 86_400, "h": 3_600, "m": 60}


def add_to(app: typer.Typer) -> None:
    app.command("usage")(usage)


def usage(
    context: typer.Context,
    by: Annotated[
        list[str] | None,
        typer.Option("--by", help="agent, profile, project, task, run, model, tier or day; at most two."),
    ] = None,
    since: Annotated[str | None, typer.Option(help="From then on: 7d, 12h, a date or a time.")] = None,
    until: Annotated[str | None, typer.Option(help="Before then, likewise.")] = None,
    project: Annotated[str | None, typer.Option(help="Only this project.")] = None,
    agent: Annotated[str | None, typer.Option(help="Only this agent.")] = None,
    task: Annotated[str | None, typer.Option(help="Only this task.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many.")] = 100,
    as_json: Json = False,
) -> None:
    """What agents have used: turns, tokens, money and time, by agent if nothing else is asked."""
    state = state_of(context)
    wanted = by or ["agent"]
    page = state.client().get(
        "/api/usage", by=wanted, since=_moment(since), until=_moment(until), project=project, agent=agent,
        task=task, limit=limit,
    )  # fmt: skip
    state.tell_of_more(page)
    found = page["items"]
    if as_json:
        state.show_json(found)
    elif found:
        state.out.print(_table(wanted, found))
    else:
        state.out.print("No turns yet, or none that match.")


def _table(by: list[str], rows: list[dict[str, Any]]) -> Table:
    """Fits 80 columns; `-` was not measured."""
    table = show.plain_table(*by, "turns", "in", "out", "cached", "cost", "time", "tools")
    for row in rows:
        keys = [row["key"], row["subkey"]][: len(by)]
        unmeasured = f" ({row['unmeasured_turns']}?)" if row["unmeasured_turns"] else ""
        cost = row["cost_usd"]
        table.add_row(
            *(key or "-" for key in keys), f"{row['turns']}{unmeasured}", _short(row["input_tokens"]),
            _short(row["output_tokens"]), _short(row["cache_read_tokens"]),
            "-" if cost is None else f"${cost:.2f}", _time(row["duration_ms"]), _short(row["tool_calls"]),
        )  # fmt: skip
    return table


def _short(number: int | None) -> str:
    if number is None:
        return "-"
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**4, "k")):
        if number >= size:
            return f"{number / (1_000 if unit == 'k' else size):.1f}{unit}"
    return str(number)


def _time(duration_ms: int | None) -> str:
    if duration_ms is None:
        return "-"
    seconds = duration_ms // 1_000
    return f"{seconds // 3_600}:{seconds % 3_600 // 60:02}:{seconds % 60:02}"


def _moment(text: str | None) -> str | None:
    """RFC 3339; a date is its beginning in UTC, 7d so long ago."""
    if text is None:
        return None
    if match := re.fullmatch(r"([0-9]{1,4})([dhm])", text):
        ago = timedelta(seconds=int(match[1]) * _UNITS[match[2]])
        return (datetime.now(UTC) - ago).isoformat()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Usage(f"{text!r} is no time: say 7d, 12h, 2026-11-20 or 2026-11-20T12:00:00Z.") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()
