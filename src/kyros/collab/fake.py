"""The collab stores in memory, for tests of the rooms above: the same promises, gone with the process."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from kyros.collab.errors import TaskNotFound
from kyros.collab.model import (
    TASK_MOVES,
    Lease,
    NewTask,
    Reclaim,
    Task,
    TaskStatus,
    lease_acquired,
    lease_reclaimed,
    lease_released,
    refuse_if_held,
    refuse_if_lost,
    task_created,
    task_moved,
)
from kyros.events.ports import Outbox
from kyros.kernel.clock import Clock, to_text, utc_now
from kyros.kernel.ids import NewId, new_id


class FakeTaskStore:
    def __init__(self, outbox: Outbox, now: Clock = utc_now) -> None:
        self._outbox = outbox
        self._now = now
        self._numbers = itertools.count(1)
        self._tasks: dict[str, Task] = {}

    async def create(self, task: NewTask, actor: str) -> Task:
        return self.create_in(None, task, actor)

    def create_in(self, transaction: Any, task: NewTask, actor: str) -> Task:
        now = to_text(self._now())
        made = Task(
            id=f"T-{next(self._numbers)}",
            project_id=task.project_id,
            title=task.title,
            objective=task.objective,
            constraints=task.constraints,
            acceptance_criteria=tuple(task.acceptance_criteria),
            status=TaskStatus.QUEUED,
            version=1,
            created_at=now,
            updated_at=now,
        )
        self._outbox.append_in(transaction, [task_created(made, actor)])
        self._tasks[made.id] = made
        return made

    async def get(self, task_id: str) -> Task:
        try:
            return self._tasks[task_id]
        except KeyError as missing:
            raise TaskNotFound(f"There is no task {task_id}.", task_id=task_id) from missing

    async def page(self, status: TaskStatus | None, project_id: str | None, limit: int) -> Sequence[Task]:
        matching = (
            task
            for task in reversed(self._tasks.values())
            if status in (None, task.status) and project_id in (None, task.project_id)
        )
        return list(itertools.islice(matching, limit))

    async def move(self, task_id: str, to: TaskStatus, actor: str, note: str) -> Task:
        old = await self.get(task_id)
        if old.status is to:
            return old
        TASK_MOVES.check(old.status, to)
        self._outbox.append_in(None, [task_moved(old, to, actor, note)])
        moved = replace(old, status=to, version=old.version + 1, updated_at=to_text(self._now()))
        self._tasks[task_id] = moved
        return moved


class FakeLeaseStore:
    def __init__(self, outbox: Outbox, now: Clock = utc_now, new_id: NewId = new_id) -> None:
        self._outbox = outbox
        self._now = now
        self._new_id = new_id
        self._leases: dict[str, Lease] = {}
        self._fences: dict[str, int] = {}

    async def acquire(self, resources: Sequence[str], holder: str, ttl_seconds: float) -> Sequence[Lease]:
        now = self._now()
        refuse_if_held(self._find(resources), holder, now)
        taken = []
        for resource in dict.fromkeys(resources):
            old = self._leases.get(resource)
            if old is not None and old.is_live(now):
                lease = old.beaten(now)
            else:
                if old is not None:
                    self._outbox.append_in(None, [lease_reclaimed(old, holder, Reclaim.EXPIRED)])
                token = self._fences[resource] = self._fences.get(resource, 0) + 1
                at = to_text(now)
                lease = Lease(self._new_id("lock"), resource, holder, token, at, at, ttl_seconds)
                self._outbox.append_in(None, [lease_acquired(lease)])
            self._leases[resource] = lease
            taken.append(lease)
        return taken

    async def heartbeat(self, holder: str, resources: Sequence[str]) -> None:
        now = self._now()
        refuse_if_lost(self._find(resources), resources, holder, now)
        for resource in resources:
            self._leases[resource] = self._leases[resource].beaten(now)

    async def release(self, holder: str, resources: Sequence[str]) -> None:
        for lease in self._find(resources):
            if lease.holder == holder:
                self._outbox.append_in(None, [lease_released(lease)])
                del self._leases[lease.resource]

    async def void(self, holder_prefix: str, except_holder: str) -> int:
        gone = [
            lease
            for lease in self._leases.values()
            if lease.holder.startswith(holder_prefix) and lease.holder != except_holder
        ]
        for lease in gone:
            self._outbox.append_in(None, [lease_reclaimed(lease, except_holder, Reclaim.HOLDER_GONE)])
            del self._leases[lease.resource]
        return len(gone)

    def _find(self, resources: Sequence[str]) -> list[Lease]:
        return [self._leases[name] for name in dict.fromkeys(resources) if name in self._leases]
