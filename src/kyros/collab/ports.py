"""What the collab store promises."""

from collections.abc import Sequence
from typing import Any, Protocol

from kyros.collab.model import Lease, NewTask, Task, TaskStatus


class TaskStore(Protocol):
    """Each write appends its event in the same transaction."""

    async def create(self, task: NewTask, actor: str) -> Task: ...

    def create_in(self, transaction: Any, task: NewTask, actor: str) -> Task:
        """The same inside another store's transaction: a run and its task stand or fall together."""
        ...

    async def get(self, task_id: str) -> Task:
        """Raises TaskNotFound."""
        ...

    async def page(self, status: TaskStatus | None, project_id: str | None, limit: int) -> Sequence[Task]:
        """Newest first."""
        ...

    async def move(self, task_id: str, to: TaskStatus, actor: str, note: str) -> Task:
        """Checks the table inside the transaction; moving to the state it is in changes nothing."""
        ...


class LeaseStore(Protocol):
    """Expiry is judged by the store's clock. Fencing tokens grow per resource and are never reset."""

    async def acquire(self, resources: Sequence[str], holder: str, ttl_seconds: float) -> Sequence[Lease]:
        """All or none. The holder's own live leases are returned as they are, heartbeat renewed.
        Raises LeaseHeld."""
        ...

    async def heartbeat(self, holder: str, resources: Sequence[str]) -> None:
        """Raises LeaseLost if any of them is no longer the holder's, expired ones included."""
        ...

    async def release(self, holder: str, resources: Sequence[str]) -> None:
        """Idempotent; releases only what the holder has."""
        ...

    async def void(self, holder_prefix: str, except_holder: str) -> int:
        """Take back every lease of holders that begin so, but for one: those of a dead process."""
        ...
