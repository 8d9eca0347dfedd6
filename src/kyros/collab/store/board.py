"""A transaction of the database as a view, and as a board that keeps revisions and indexes in step."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Connection

from kyros.collab.model import Agent, Kind, Lease, Revision, Task, TaskQuery, Waiter
from kyros.collab.store import agent_rows, lease_rows, tally, task_rows
from kyros.collab.store.pages import find_page
from kyros.collab.store.task_rows import Known
from kyros.events.model import NewEvent
from kyros.events.ports import Outbox
from kyros.infra import answers
from kyros.infra.db import touch
from kyros.kernel.answers import Answer, Once


class SqlView:
    """ports.View on a connection."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    @property
    def now(self) -> datetime:
        return self._now

    def revision(self, kind: Kind) -> Revision:
        return tally.revision(self._connection, kind)

    def task(self, task_id: str) -> Task | None:
        known = task_rows.find(self._connection, task_id)
        return None if known is None else known.task

    def tasks(self, query: TaskQuery) -> Sequence[Task]:
        return find_page(self._connection, query)

    def all_tasks(self) -> Sequence[Task]:
        return task_rows.find_all(self._connection)

    def tasks_since(self, number: int) -> Sequence[Task]:
        """Those written after the collection's revision `number`, in that order."""
        return task_rows.find_since(self._connection, number)

    def waiting_for(self, task_id: str) -> Sequence[Task]:
        return task_rows.find_waiting(self._connection, task_id)

    def leases_on(self, resources: Sequence[str]) -> Sequence[Lease]:
        return lease_rows.find_on(self._connection, resources)

    def leases_of(self, lock_id: str) -> Sequence[Lease]:
        return lease_rows.find_of(self._connection, lock_id)

    def leases_under(self, prefix: str) -> Sequence[Lease]:
        return lease_rows.find_under(self._connection, prefix)

    def leases_by(self, holder_prefix: str) -> Sequence[Lease]:
        return lease_rows.find_by(self._connection, holder_prefix)

    def all_leases(self) -> Sequence[Lease]:
        return lease_rows.find_all(self._connection)

    def waiters(self) -> Sequence[Waiter]:
        return lease_rows.waiters(self._connection)

    def agent(self, name: str) -> Agent | None:
        return agent_rows.find(self._connection, name)

    def all_agents(self) -> Sequence[Agent]:
        return agent_rows.find_all(self._connection)

    def last_beat(self) -> datetime | None:
        return agent_rows.last_beat(self._connection)


class SqlBoard(SqlView):
    """ports.Board in somebody's transaction."""

    def __init__(self, connection: Connection, outbox: Outbox, now: datetime) -> None:
        super().__init__(connection, now)
        self._outbox = outbox
        self._known: dict[str, Known] = {}

    @property
    def transaction(self) -> Connection:
        return self._connection

    def task(self, task_id: str) -> Task | None:
        known = task_rows.find(self._connection, task_id)
        if known is None:
            return None
        self._known[task_id] = known
        return known.task

    def add_task(self, make: Callable[[str], Task], task_id: str | None = None) -> Task:
        number = self._number(task_id)
        task = make(f"T-{number}")
        revision = task_rows.insert(self._connection, number, task)
        tally.added(self._connection, Kind.TASKS, task.digest)
        self._known[task.id] = Known(task, revision)
        return task

    def put_task(self, task: Task) -> None:
        known = self._known.get(task.id) or self._look(task.id)
        revision = task_rows.update(self._connection, known, task)
        if revision is None:  # another board of this transaction wrote it since
            known = self._look(task.id)
            revision = task_rows.update(self._connection, known, task)
            assert revision is not None, "nobody else writes in this transaction"
        tally.changed(self._connection, Kind.TASKS, known.task.digest, task.digest)
        self._known[task.id] = Known(task, revision)

    def put_lease(self, lease: Lease) -> None:
        old = lease_rows.find_on(self._connection, [lease.resource])
        new = lease_rows.put(self._connection, lease)
        if old:
            tally.changed(self._connection, Kind.LOCKS, old[0].digest, new.digest)
        else:
            tally.added(self._connection, Kind.LOCKS, new.digest)

    def drop_lease(self, lease: Lease) -> None:
        old = lease_rows.drop(self._connection, lease.resource)
        if old is not None:
            tally.dropped(self._connection, Kind.LOCKS, old.digest)

    def next_token(self, fence: str) -> int:
        return lease_rows.next_token(self._connection, fence)

    def add_waiter(self, holder: str, resources: Sequence[str], until: datetime) -> Waiter:
        return lease_rows.add_waiter(self._connection, holder, resources, self.now, until)

    def put_waiter(self, waiter: Waiter) -> None:
        lease_rows.put_waiter(self._connection, waiter)

    def drop_waiter(self, ticket: int) -> None:
        lease_rows.drop_waiter(self._connection, ticket)

    def put_agent(self, agent: Agent) -> None:
        old = agent_rows.find(self._connection, agent.name)
        agent_rows.put(self._connection, agent)
        if old is None:
            tally.added(self._connection, Kind.AGENTS, agent.digest)
        else:
            tally.changed(self._connection, Kind.AGENTS, old.digest, agent.digest)

    def drop_agent(self, name: str) -> None:
        old = agent_rows.drop(self._connection, name)
        if old is not None:
            tally.dropped(self._connection, Kind.AGENTS, old.digest)

    def beat(self) -> None:
        agent_rows.beat(self._connection, self.now)

    def tell(self, *events: NewEvent) -> None:
        self._outbox.append_in(self._connection, events)

    def touch(self, topic: str) -> None:
        touch(self._connection, topic)

    def recall(self, once: Once) -> Answer | None:
        return answers.recall(self._connection, once)

    def remember(self, once: Once, answer: Answer) -> None:
        answers.remember(self._connection, once, answer, self.now)

    def _number(self, task_id: str | None) -> int:
        if task_id is None:
            return task_rows.next_number(self._connection)
        number = task_rows.number_of(task_id)
        if number is None:
            raise ValueError(f"{task_id} is no id of a task")
        task_rows.skip_number(self._connection, number)
        return number

    def _look(self, task_id: str) -> Known:
        known = task_rows.find(self._connection, task_id)
        if known is None:
            raise LookupError(f"there is no task {task_id} to put another in place of")
        return known
