"""Pages of tasks: a query's filters as written SQL. Each narrows by an index of its own."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection

from kyros.collab.model import Task, TaskQuery
from kyros.collab.model.words import asked_words
from kyros.collab.store.tables import WORDS_ON_POSTGRES
from kyros.collab.store.task_rows import COLUMNS, number_of, task_from
from kyros.infra.db import swiftly

_LABELLED = "tasks.number IN (SELECT number FROM task_labels WHERE label = ?)"
_WORDED = {
    "sqlite": "tasks.number IN (SELECT rowid FROM task_search WHERE task_search MATCH ?)",
    "postgresql": (
        f"tasks.number IN (SELECT number FROM task_words WHERE {WORDS_ON_POSTGRES} @@ CAST(? AS tsquery))"  # noqa: S608
    ),
}
_Condition = tuple[str, Sequence[Any]]
_NOTHING: _Condition = ("1 = 0", ())


def find_page(connection: Connection, query: TaskQuery) -> Sequence[Task]:
    conditions = list(_conditions(connection.dialect.name, query))
    where = " AND ".join(written for written, _ in conditions) or "1 = 1"
    values = [value for _, given in conditions for value in given]
    written = f"SELECT {COLUMNS} FROM tasks WHERE {where} ORDER BY tasks.number DESC LIMIT ?"  # noqa: S608
    return [task_from(row) for row in swiftly(connection, written, (*values, query.limit))]


def _conditions(dialect: str, query: TaskQuery) -> Iterator[_Condition]:
    if query.status is not None:
        yield "status = ?", (query.status.value,)
    if query.project_id is not None:
        yield "project_id = ?", (query.project_id,)
    if query.assignee is not None:
        yield "assignee = ?", (query.assignee,)
    if query.label is not None:
        yield _LABELLED, (query.label,)
    if query.projects is not None:
        yield _in_one_of(sorted(query.projects))
    if query.before is not None:
        yield "tasks.number < ?", (number_of(query.before) or 0,)
    if query.text is not None and query.text.strip():
        yield _worded(dialect, asked_words(query.text))


def _worded(dialect: str, words: Sequence[str]) -> _Condition:
    """All of the words, each as a prefix. They hold letters, digits and `-` alone: nothing needs escaping."""
    if not words:
        return _NOTHING
    if dialect == "sqlite":
        return _WORDED[dialect], (" AND ".join(f'"{word}"*' for word in words),)
    return _WORDED[dialect], (" & ".join(f"'{word}':*" for word in words),)


def _in_one_of(projects: Sequence[str]) -> _Condition:
    if not projects:
        return _NOTHING
    return f"project_id IN ({', '.join('?' * len(projects))})", projects
