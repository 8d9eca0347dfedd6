"""The collab store in memory, for tests and for the rooms above: the same promises, gone with the process."""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, TypeVar

from kyros.collab.model import Agent, Kind, Lease, Revision, Task, TaskQuery, Waiter
from kyros.collab.model.words import finds
from kyros.collab.ports import Board, View
from kyros.events.model import NewEvent
from kyros.events.ports import Outbox
from kyros.kernel.answers import Answer, Once, refuse_reuse
from kyros.kernel.clock import Clock, to_text, utc_now

T = TypeVar("T")


@dataclass
class _State:
    """What a transaction copies: items are frozen, so the dicts are all there is to copy."""

    tasks: dict[int, Task] = field(default_factory=dict)
    leases: dict[str, Lease] = field(default_factory=dict)
    agents: dict[str, Agent] = field(default_factory=dict)
    waiters: dict[int, Waiter] = field(default_factory=dict)
    fences: dict[str, int] = field(default_factory=dict)
    answers: dict[tuple[str, str], tuple[str, Answer]] = field(default_factory=dict)
    numbers: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(Kind, 0))
    last: dict[str, int] = field(default_factory=lambda: {"task": 0, "ticket": 0})
    beats: dict[str, datetime] = field(default_factory=dict)

    def copied(self) -> "_State":
        return _State(*(copy(getattr(self, one.name)) for one in fields(self)))


class FakeCollabStore:
    """The CollabStore port in memory. A refused `work` leaves nothing behind, its events neither. A
    transaction is a list of things to do on commit, or None for at once; `touched` are the topics announced
    so far."""

    def __init__(self, outbox: Outbox, now: Clock = utc_now) -> None:
        self._outbox, self._now = outbox, now
        self.state = _State()
        self.touched: list[str] = []

    async def read(self, work: Callable[[View], T]) -> T:
        return work(_Board(self.state, self._now(), [], None, []))

    async def write(self, work: Callable[[Board], T]) -> T:
        transaction: list[Callable[[], None]] = []
        told: list[NewEvent] = []
        staged = self._staged(transaction)
        done = work(_Board(staged.state, self._now(), told, transaction, staged.touched))
        if told:
            self._outbox.append_in(None, told)  # it may refuse, and then nothing was done
        for commit in transaction:
            commit()
        return done

    def board(self, transaction: Any) -> Board:
        if transaction is None:
            return _Joined(self.state, self._now(), self._outbox, None, self.touched)
        staged = self._staged(transaction)
        return _Joined(staged.state, self._now(), self._outbox, transaction, staged.touched)

    def _staged(self, transaction: list[Callable[[], None]]) -> "_Staged":
        """All boards of a transaction see what each of them wrote."""
        for one in transaction:
            if isinstance(one, _Staged) and one.store is self:
                return one
        staged = _Staged(self, self.state.copied())
        transaction.append(staged)
        return staged


@dataclass
class _Staged:
    """The state as a transaction leaves it."""

    store: FakeCollabStore
    state: _State
    touched: list[str] = field(default_factory=list)

    def __call__(self) -> None:
        self.store.state = self.state
        self.store.touched += self.touched


class _Board:
    def __init__(
        self, state: _State, now: datetime, told: list[NewEvent], transaction: Any, touched: list[str]
    ) -> None:
        self.state, self._now, self._told = state, now, told
        self.transaction, self._touched = transaction, touched

    @property
    def now(self) -> datetime:
        return self._now

    def revision(self, kind: Kind) -> Revision:
        items = self._items(kind)
        fold = sum(item.digest for item in items) % 2**64
        return Revision(self.state.numbers[kind], fold, len(items))

    def task(self, task_id: str) -> Task | None:
        task = self.state.tasks.get(_number(task_id))
        return task if task is not None and task.id == task_id else None

    def tasks(self, query: TaskQuery) -> Sequence[Task]:
        found = [task for task in reversed(self.all_tasks()) if _matches(task, query)]
        return found[: query.limit]

    def all_tasks(self) -> Sequence[Task]:
        return [self.state.tasks[number] for number in sorted(self.state.tasks)]

    def waiting_for(self, task_id: str) -> Sequence[Task]:
        return [task for task in self.all_tasks() if task_id in task.depends_on]

    def leases_on(self, resources: Sequence[str]) -> Sequence[Lease]:
        return [lease for lease in self.all_leases() if lease.resource in resources]

    def leases_of(self, lock_id: str) -> Sequence[Lease]:
        return [lease for lease in self.all_leases() if lease.lock_id == lock_id]

    def leases_under(self, prefix: str) -> Sequence[Lease]:
        return [lease for lease in self.all_leases() if lease.resource.startswith(prefix)]

    def leases_by(self, holder_prefix: str) -> Sequence[Lease]:
        return [lease for lease in self.all_leases() if lease.holder.startswith(holder_prefix)]

    def all_leases(self) -> Sequence[Lease]:
        return [self.state.leases[name] for name in sorted(self.state.leases)]

    def waiters(self) -> Sequence[Waiter]:
        return [self.state.waiters[ticket] for ticket in sorted(self.state.waiters)]

    def agent(self, name: str) -> Agent | None:
        return self.state.agents.get(name)

    def all_agents(self) -> Sequence[Agent]:
        return [self.state.agents[name] for name in sorted(self.state.agents)]

    def last_beat(self) -> datetime | None:
        return self.state.beats.get("collab")

    def add_task(self, make: Callable[[str], Task], task_id: str | None = None) -> Task:
        last = self.state.last["task"]
        number = last + 1 if task_id is None else _number(task_id)
        if not number or number in self.state.tasks:
            raise ValueError(f"{task_id} is no id of a task, or taken")
        task = make(f"T-{number}")
        self.state.last["task"] = max(last, number)
        self.state.tasks[number] = task
        self._count(Kind.TASKS)
        return task

    def put_task(self, task: Task) -> None:
        if self.task(task.id) is None:
            raise LookupError(f"there is no task {task.id} to put another in place of")
        self.state.tasks[_number(task.id)] = task
        self._count(Kind.TASKS)

    def put_lease(self, lease: Lease) -> None:
        self.state.leases[lease.resource] = lease
        self._count(Kind.LOCKS)

    def drop_lease(self, lease: Lease) -> None:
        if self.state.leases.pop(lease.resource, None) is not None:
            self._count(Kind.LOCKS)

    def next_token(self, fence: str) -> int:
        self.state.fences[fence] = self.state.fences.get(fence, 0) + 1
        return self.state.fences[fence]

    def add_waiter(self, holder: str, resources: Sequence[str], until: datetime) -> Waiter:
        ticket = self.state.last["ticket"] = self.state.last["ticket"] + 1
        waiter = Waiter(ticket, holder, tuple(resources), to_text(self.now), to_text(until))
        self.state.waiters[ticket] = waiter
        return waiter

    def put_waiter(self, waiter: Waiter) -> None:
        if waiter.ticket in self.state.waiters:
            self.state.waiters[waiter.ticket] = waiter

    def drop_waiter(self, ticket: int) -> None:
        self.state.waiters.pop(ticket, None)

    def put_agent(self, agent: Agent) -> None:
        self.state.agents[agent.name] = agent
        self._count(Kind.AGENTS)

    def drop_agent(self, name: str) -> None:
        if self.state.agents.pop(name, None) is not None:
            self._count(Kind.AGENTS)

    def beat(self) -> None:
        self.state.beats["collab"] = self.now

    def tell(self, *events: NewEvent) -> None:
        self._told += events

    def touch(self, topic: str) -> None:
        self._touched.append(topic)

    def recall(self, once: Once) -> Answer | None:
        if (known := self.state.answers.get((once.who, once.key))) is None:
            return None
        refuse_reuse(once, known[0])
        return known[1]

    def remember(self, once: Once, answer: Answer) -> None:
        self.state.answers[once.who, once.key] = (once.digest, answer)

    def _items(self, kind: Kind) -> Sequence[Task] | Sequence[Lease] | Sequence[Agent]:
        found: dict[Kind, Sequence[Any]] = {
            Kind.TASKS: self.all_tasks(),
            Kind.LOCKS: self.all_leases(),
            Kind.AGENTS: self.all_agents(),
        }
        return found[kind]

    def _count(self, kind: Kind) -> None:
        self.state.numbers[kind] += 1


class _Joined(_Board):
    """A board in another store's transaction: events go along with it, in the order they happen."""

    def __init__(
        self, state: _State, now: datetime, outbox: Outbox, transaction: Any, touched: list[str]
    ) -> None:
        super().__init__(state, now, [], transaction, touched)
        self._outbox = outbox

    def tell(self, *events: NewEvent) -> None:
        self._outbox.append_in(self.transaction, events)


def _number(task_id: str) -> int:
    """T-100 -> 100; 0 for what is no id."""
    number = task_id.removeprefix("T-")
    return int(number) if number.isdecimal() and f"T-{int(number)}" == task_id else 0


def _matches(task: Task, query: TaskQuery) -> bool:
    return (
        query.status in (None, task.status)
        and query.project_id in (None, task.project_id)
        and query.assignee in (None, task.assignee)
        and (query.label is None or query.label in task.labels)
        and (query.projects is None or task.project_id in query.projects)
        and (query.before is None or _number(task.id) < _number(query.before))
        and (query.text is None or finds(task, query.text))
    )
