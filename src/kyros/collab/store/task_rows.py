"""Tasks as rows: written SQL and plain tuples, for this is where an installation spends its time."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection

from kyros.collab.model import Budget, ChecklistItem, Priority, Task, TaskStatus
from kyros.collab.model.words import same_words, task_words
from kyros.infra.db import prepared_many, swiftly

_ID = re.compile(r"T-([1-9][0-9]{0,8})", re.ASCII)
COLUMNS = """tasks.number, project_id, title, objective, constraints,
  CAST(acceptance_criteria AS TEXT), status, version, created_at, updated_at, assignee, priority, more"""
_FIND = f"SELECT {COLUMNS}, revision FROM tasks WHERE number = ?"  # noqa: S608 - our own names
_ALL = f"SELECT {COLUMNS} FROM tasks ORDER BY number"  # noqa: S608
_SINCE = f"SELECT {COLUMNS} FROM tasks WHERE revision > ? ORDER BY revision"  # noqa: S608
_WAITING = f"""
SELECT {COLUMNS} FROM tasks JOIN task_dependencies ON task_dependencies.number = tasks.number
WHERE waits_for = ? ORDER BY tasks.number
"""  # noqa: S608
_REVISION = "COALESCE((SELECT revision FROM collab_state WHERE kind = 'tasks'), 0) + 1"
_INSERT = f"""
INSERT INTO tasks (number, project_id, title, objective, constraints, acceptance_criteria, status, version,
  created_at, updated_at, assignee, priority, more, revision)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, {_REVISION})
RETURNING revision
"""  # noqa: S608
_UPDATE = f"""
UPDATE tasks SET project_id = ?, title = ?, objective = ?, constraints = ?, acceptance_criteria = ?,
  status = ?, version = ?, created_at = ?, updated_at = ?, assignee = ?, priority = ?, more = ?,
  revision = {_REVISION}
WHERE number = ? AND revision = ?
RETURNING revision
"""  # noqa: S608
_NEXT_ON_SQLITE = "SELECT seq + 1 FROM sqlite_sequence WHERE name = 'tasks'"
_NEXT_ON_POSTGRES = "SELECT nextval(pg_get_serial_sequence('tasks', 'number'))"
_SKIP_ON_POSTGRES = """
SELECT setval(pg_get_serial_sequence('tasks', 'number'),
  GREATEST(nextval(pg_get_serial_sequence('tasks', 'number')) - 1, ?))
"""
_LABEL = "INSERT INTO task_labels (label, number) VALUES (?, ?)"
_UNLABEL = "DELETE FROM task_labels WHERE number = ?"
_WAIT = "INSERT INTO task_dependencies (waits_for, number) VALUES (?, ?)"
_UNWAIT = "DELETE FROM task_dependencies WHERE number = ?"
_WORDS = """INSERT INTO task_words (number, words) VALUES (?, ?)
ON CONFLICT (number) DO UPDATE SET words = excluded.words"""


@dataclass(frozen=True)
class Known:
    """A task as its row says, and the row's revision, which every write to it changes."""

    task: Task
    revision: int


def number_of(task_id: str) -> int | None:
    """T-100 -> 100; None for what is no id."""
    match = _ID.fullmatch(task_id)
    return None if match is None else int(match[1])


def find(connection: Connection, task_id: str) -> Known | None:
    number = number_of(task_id)
    row = None if number is None else swiftly(connection, _FIND, (number,)).first()
    return None if row is None else Known(task_from(row), row[13])


def find_all(connection: Connection) -> Sequence[Task]:
    return [task_from(row) for row in swiftly(connection, _ALL)]


def find_since(connection: Connection, revision: int) -> Sequence[Task]:
    return [task_from(row) for row in swiftly(connection, _SINCE, (revision,))]


def find_waiting(connection: Connection, task_id: str) -> Sequence[Task]:
    number = number_of(task_id)
    return [] if number is None else [task_from(row) for row in swiftly(connection, _WAITING, (number,))]


def next_number(connection: Connection) -> int:
    """The lowest that is above all that ever were."""
    if connection.dialect.name == "sqlite":
        row = swiftly(connection, _NEXT_ON_SQLITE).first()
        return 1 if row is None else int(row[0])
    return int(swiftly(connection, _NEXT_ON_POSTGRES).value())


def skip_number(connection: Connection, number: int) -> None:
    """It was given by hand: whatever is given out from now on is above it. SQLite sees to that itself."""
    if connection.dialect.name != "sqlite":
        swiftly(connection, _SKIP_ON_POSTGRES, (number,))


def insert(connection: Connection, number: int, task: Task) -> int:
    """Returns the row's revision."""
    revision: int = swiftly(connection, _INSERT, (number, *_values(task))).value()
    index(connection, number, task)
    return revision


def update(connection: Connection, known: Known, task: Task) -> int | None:
    """The row's new revision; None, and nothing is written, when the row is not as it is known."""
    number = number_of(task.id)
    row = swiftly(connection, _UPDATE, (*_values(task), number, known.revision)).first()
    if row is None:
        return None
    if not same_words(known.task, task):
        swiftly(connection, _WORDS, (number, " ".join(task_words(task))))
    if known.task.labels != task.labels:
        _label(connection, number, task)
    if known.task.depends_on != task.depends_on:
        _depend(connection, number, task)
    return int(row[0])


def index(connection: Connection, number: int | None, task: Task) -> None:
    """What it is found by beside its row."""
    swiftly(connection, _WORDS, (number, " ".join(task_words(task))))
    _label(connection, number, task)
    _depend(connection, number, task)


def task_from(row: Sequence[Any]) -> Task:
    """Of COLUMNS. What `more` lacks is as it is for a new task."""
    more = orjson.loads(row[12])
    return Task(
        id=f"T-{row[0]}",
        project_id=row[1],
        title=row[2],
        objective=row[3],
        constraints=row[4],
        acceptance_criteria=tuple(orjson.loads(row[5])),
        status=TaskStatus(row[6]),
        version=row[7],
        created_at=row[8],
        updated_at=row[9],
        assignee=row[10],
        priority=Priority(row[11]),
        checklist=tuple(ChecklistItem(*one) for one in more.get("checklist", ())),
        depends_on=tuple(more.get("depends_on", ())),
        labels=tuple(more.get("labels", ())),
        estimate_minutes=more.get("estimate_minutes"),
        budget=Budget(**more.get("budget", {})),
        facts=more.get("facts", {}),
    )


def _values(task: Task) -> tuple[Any, ...]:
    return (
        task.project_id,
        task.title,
        task.objective,
        task.constraints,
        _text(list(task.acceptance_criteria)),
        task.status.value,
        task.version,
        task.created_at,
        task.updated_at,
        task.assignee,
        task.priority.value,
        _text(_more(task)),
    )


def _more(task: Task) -> dict[str, object]:
    """Only what there is: most tasks have little of it."""
    budget = {name: value for name, value in task.budget.document().items() if value is not None}
    full = {
        "checklist": [(one.text, one.done) for one in task.checklist],
        "depends_on": list(task.depends_on),
        "labels": list(task.labels),
        "estimate_minutes": task.estimate_minutes,
        "budget": budget,
        "facts": dict(task.facts),
    }
    return {name: value for name, value in full.items() if value not in (None, [], {})}


def _label(connection: Connection, number: int | None, task: Task) -> None:
    swiftly(connection, _UNLABEL, (number,))
    prepared_many(connection, _LABEL, [(label, number) for label in dict.fromkeys(task.labels)])


def _depend(connection: Connection, number: int | None, task: Task) -> None:
    swiftly(connection, _UNWAIT, (number,))
    wanted = dict.fromkeys(number_of(task_id) for task_id in task.depends_on)
    prepared_many(connection, _WAIT, [(one, number) for one in wanted if one is not None])


def _text(value: object) -> str:
    return orjson.dumps(value).decode()
