"""Tasks in the database."""

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select, update

from kyros.collab.errors import TaskNotFound
from kyros.collab.model import TASK_MOVES, NewTask, Task, TaskStatus, task_created, task_moved
from kyros.collab.store.tables import tasks
from kyros.events.ports import Outbox
from kyros.infra.db import SqliteDatabase
from kyros.kernel.clock import Clock, to_text, utc_now

_ID = re.compile(r"T-([1-9][0-9]{0,17})")


class SqlTaskStore:
    """The TaskStore of an installation."""

    def __init__(self, database: SqliteDatabase, outbox: Outbox, now: Clock = utc_now) -> None:
        self._database = database
        self._outbox = outbox
        self._now = now

    async def create(self, task: NewTask, actor: str) -> Task:
        return await self._database.write(lambda connection: self.create_in(connection, task, actor))

    def create_in(self, transaction: Connection, task: NewTask, actor: str) -> Task:
        row = transaction.execute(insert(tasks).values(self._new_row(task)).returning(*tasks.c))
        made = _task(row.mappings().one())
        self._outbox.append_in(transaction, [task_created(made, actor)])
        return made

    async def get(self, task_id: str) -> Task:
        return await self._database.read(lambda connection: _find(connection, task_id))

    async def page(self, status: TaskStatus | None, project_id: str | None, limit: int) -> Sequence[Task]:
        query = select(tasks).order_by(tasks.c.number.desc()).limit(limit)
        if status is not None:
            query = query.where(tasks.c.status == status.value)
        if project_id is not None:
            query = query.where(tasks.c.project_id == project_id)
        return await self._database.read(
            lambda connection: [_task(row) for row in connection.execute(query).mappings()]
        )

    async def move(self, task_id: str, to: TaskStatus, actor: str, note: str) -> Task:
        def work(connection: Connection) -> Task:
            old = _find(connection, task_id)
            if old.status is to:
                return old
            TASK_MOVES.check(old.status, to)
            row = connection.execute(
                update(tasks)
                .where(tasks.c.number == _number(task_id))
                .values(status=to.value, version=old.version + 1, updated_at=to_text(self._now()))
                .returning(*tasks.c)
            )
            moved = _task(row.mappings().one())
            self._outbox.append_in(connection, [task_moved(old, to, actor, note)])
            return moved

        return await self._database.write(work)

    def _new_row(self, task: NewTask) -> dict[str, Any]:
        now = to_text(self._now())
        return {
            "project_id": task.project_id,
            "title": task.title,
            "objective": task.objective,
            "constraints": task.constraints,
            "acceptance_criteria": list(task.acceptance_criteria),
            "status": TaskStatus.QUEUED.value,
            "version": 1,
            "created_at": now,
            "updated_at": now,
        }


def _number(task_id: str) -> int:
    match = _ID.fullmatch(task_id)
    if match is None:
        raise TaskNotFound(f"There is no task {task_id}; ids read T-100.", task_id=task_id)
    return int(match[1])


def _find(connection: Connection, task_id: str) -> Task:
    row = connection.execute(select(tasks).where(tasks.c.number == _number(task_id))).mappings().first()
    if row is None:
        raise TaskNotFound(f"There is no task {task_id}.", task_id=task_id)
    return _task(row)


def _task(row: RowMapping) -> Task:
    values = dict(row)
    return Task(
        id=f"T-{values.pop('number')}",
        status=TaskStatus(values.pop("status")),
        acceptance_criteria=tuple(values.pop("acceptance_criteria")),
        **values,
    )
