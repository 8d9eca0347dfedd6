"""How tasks look in a terminal."""

from collections.abc import Iterable, Iterator
from typing import Any

from rich.table import Table
from rich.text import Text

from kyros.entrypoints.cli.show import plain_table, status


def tasks_table(tasks: Iterable[dict[str, Any]]) -> Table:
    """One line a task, in the column where it stands."""
    table = plain_table("task", "column", "title", "project", "priority", "assignee", "why")
    for task in tasks:
        standing = task["standing"]
        why = Text(standing["because"], style="red" if standing["needs_you"] else "dim")
        table.add_row(
            task["id"], status(standing["column"]), Text(task["title"]), task["project_id"],
            task["priority"], task["assignee"] or "", why,
        )  # fmt: skip
    return table


def told(task: dict[str, Any]) -> Iterator[Text]:
    """All of it, line by line."""
    yield Text(f"{task['id']} {task['title']}", style="bold")
    yield stands(task)
    for name, value in _facts(task):
        yield Text(f"{name}: {value}", style="dim")
    criteria = [f"- {one}" for one in task["acceptance_criteria"]]
    yield from (Text(text) for text in (task["objective"], task["constraints"], *criteria) if text)
    for number, item in enumerate(task["checklist"], 1):
        yield Text(f"{'✓' if item['done'] else '·'} {number}. {item['text']}")


def stands(task: dict[str, Any]) -> Text:
    """The column, the status where it is another, and why."""
    standing = task["standing"]
    line = status(standing["column"])
    if standing["column"] != task["status"]:
        line.append(f" (its status: {task['status']})", style="dim")
    if standing["because"]:
        line.append(f" · {standing['because']}", style="red" if standing["needs_you"] else "dim")
    return line


def _facts(task: dict[str, Any]) -> list[tuple[str, str]]:
    found = [
        ("project", task["project_id"]),
        ("priority", task["priority"]),
        ("assignee", task["assignee"]),
        ("labels", ", ".join(task["labels"])),
        ("depends on", ", ".join(task["depends_on"])),
        ("estimate", f"{task['estimate_minutes']:g} min" if task["estimate_minutes"] else None),
        *((name, value) for name, value in task["facts"].items()),
    ]
    return [(name, value) for name, value in found if value]
