"""Brings what is counted and indexed about tasks up to date with their rows, after a migration."""

from sqlalchemy import Connection

from kyros.collab.model import Kind, Revision
from kyros.collab.store import tally, task_rows
from kyros.infra.db import prepared

_SHOW_ALL = "UPDATE tasks SET revision = ?"


def recount(connection: Connection) -> None:
    """Count and index every task, once: a home that has counted is left as it is. A migration that changes
    documents deletes the row `tasks` of collab_state."""
    if tally.revision(connection, Kind.TASKS).number:
        return
    tasks = task_rows.find_all(connection)
    if not tasks:
        return
    for task in tasks:
        task_rows.index(connection, task_rows.number_of(task.id), task)
    fold = sum(task.digest for task in tasks) % 2**64
    prepared(connection, _SHOW_ALL, (1,))
    tally.set_to(connection, Kind.TASKS, Revision(1, fold, len(tasks)))
