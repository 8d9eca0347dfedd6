"""What the collab store promises: one transaction is a board, and a board is all the rules ever see."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from kyros.collab.model import Agent, HandEdit, Kind, Lease, Revision, Task, TaskQuery, Waiter
from kyros.events.model import NewEvent
from kyros.kernel.answers import Answer, Once

T = TypeVar("T")


class View(Protocol):
    """One state of tasks, leases and agents. Nothing here raises for what is not there; leases come in the
    order of their resources."""

    @property
    def now(self) -> datetime:
        """The store's clock, read when the transaction began: the judge of every expiry."""
        ...

    def revision(self, kind: Kind) -> Revision: ...

    def task(self, task_id: str) -> Task | None: ...

    def tasks(self, query: TaskQuery) -> Sequence[Task]:
        """Newest first."""
        ...

    def all_tasks(self) -> Sequence[Task]:
        """By id, oldest first."""
        ...

    def waiting_for(self, task_id: str) -> Sequence[Task]:
        """Tasks that depend on this one."""
        ...

    def leases_on(self, resources: Sequence[str]) -> Sequence[Lease]:
        """Of exactly these names, expired ones included."""
        ...

    def leases_of(self, lock_id: str) -> Sequence[Lease]: ...

    def leases_under(self, prefix: str) -> Sequence[Lease]:
        """Whose resource begins so, expired ones included."""
        ...

    def leases_by(self, holder_prefix: str) -> Sequence[Lease]:
        """Whose holder begins so."""
        ...

    def all_leases(self) -> Sequence[Lease]: ...

    def waiters(self) -> Sequence[Waiter]:
        """By ticket."""
        ...

    def agent(self, name: str) -> Agent | None: ...

    def all_agents(self) -> Sequence[Agent]:
        """By name."""
        ...

    def last_beat(self) -> datetime | None:
        """When the store was last known to be in service (`beat`)."""
        ...


class Board(View, Protocol):
    """A view that may be written. Whatever is raised takes all of it back; once `write` has returned, all
    of it is durable, its events with it."""

    @property
    def transaction(self) -> Any:
        """For other rooms' `…_in(transaction, …)`."""
        ...

    def add_task(self, make: Callable[[str], Task], task_id: str | None = None) -> Task:
        """Keep what `make` builds for the next free id, or for `task_id`, which must be free.
        No id is ever given out twice."""
        ...

    def put_task(self, task: Task) -> None:
        """In place of the one with its id."""
        ...

    def put_lease(self, lease: Lease) -> None:
        """In place of the one on its resource, if any."""
        ...

    def drop_lease(self, lease: Lease) -> None: ...

    def next_token(self, fence: str) -> int:
        """The next fencing token under this name: 1, 2, 3 …, never reset, leases gone or not."""
        ...

    def add_waiter(self, holder: str, resources: Sequence[str], until: datetime) -> Waiter: ...

    def put_waiter(self, waiter: Waiter) -> None: ...

    def drop_waiter(self, ticket: int) -> None: ...

    def put_agent(self, agent: Agent) -> None:
        """New, or in place of the one with its name."""
        ...

    def drop_agent(self, name: str) -> None: ...

    def beat(self) -> None:
        """The store is in service now."""
        ...

    def tell(self, *events: NewEvent) -> None:
        """Append to the log in this very transaction."""
        ...

    def touch(self, topic: str) -> None:
        """Announce the topic to every process once this is durable."""
        ...

    def recall(self, once: Once) -> Answer | None:
        """The answer remembered for a key. Raises KeyReused when it came with another request."""
        ...

    def remember(self, once: Once, answer: Answer) -> None: ...


class CollabStore(Protocol):
    """Transactions run one after the other, in every process of an installation; no `work` may wait."""

    async def read(self, work: Callable[[View], T]) -> T: ...

    async def write(self, work: Callable[[Board], T]) -> T:
        """Run `work`; when this returns, it is durable. Raises what `work` raises, DiskFull among it."""
        ...

    def board(self, transaction: Any) -> Board:
        """A board in another store's transaction: both stand or fall together."""
        ...


TakeEdit = Callable[[Board, HandEdit], None]
"""Writes what somebody changed in a state file to the board, events with it. Raises a refusal (Invalid,
Conflict, Stale, NotFound, Denied) that says what is wrong with it: then none of it is taken."""
