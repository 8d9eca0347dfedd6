"""What is kept of sessions and of executions."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Protocol

from kyros.fleet.model import Execution, ExecutionState, SessionRow


class Sessions(Protocol):
    """Rows of sessions; the first and the last write of each append its event in the same transaction.
    An ended row is final: whatever is written to it afterwards changes nothing."""

    async def add(self, row: SessionRow) -> None: ...

    async def put(self, row: SessionRow) -> None:
        """In place of the one with its id; `stop_asked` stays as it is."""
        ...

    async def live(self) -> Sequence[SessionRow]:
        """Those that have not ended, of every worker, oldest first."""
        ...

    async def of_task(self, task_id: str) -> Sequence[str]:
        """Ids of the live sessions that serve this run or execution."""
        ...

    async def ended(self, session_ids: Collection[str]) -> Collection[str]:
        """Which of them have ended, or were never there."""
        ...

    async def ask_stop_all(self) -> None:
        """Every live one shall end; remembered until it has."""
        ...

    async def end(self, session_id: str, why: str, at: str) -> None:
        """For one whose worker is gone."""
        ...

    async def prune(self, keep: int) -> int:
        """Drop the oldest ended rows beyond `keep`; returns how many."""
        ...


class Executions(Protocol):
    """Rows of executions. Each write appends its event, and its job where there is one, in the same
    transaction; what has ended never changes."""

    async def create(self, execution: Execution, most_queued: int) -> None:
        """Queued, with the job that carries it out. Raises PoolBusy when so many wait already."""
        ...

    async def get(self, execution_id: str) -> Execution:
        """Raises ExecutionNotFound."""
        ...

    async def begin(self, execution_id: str, turn_id: str) -> bool:
        """From queued to running. False: it is not queued any more, or shall stop; then nothing is begun."""
        ...

    async def end(
        self, execution_id: str, state: ExecutionState, note: str, at: str, output: str = ""
    ) -> Execution:
        """What has ended already stays as it is."""
        ...

    async def cancel_queued(self, execution_id: str, note: str, at: str) -> bool:
        """Only while nobody has begun it: from then on it never runs. False: it was begun, or is over."""
        ...

    async def ask_stop(self, execution_id: str) -> None:
        """Remembered until it has ended."""
        ...

    async def unfinished(self) -> Sequence[Execution]:
        """Oldest first."""
        ...


class Folders(Protocol):
    """Where executions work: folders of their own, and those a caller may name."""

    async def make(self, session_id: str) -> Path:
        """An empty folder of this session's own."""
        ...

    async def remove(self, session_id: str) -> None:
        """Idempotent."""
        ...

    async def permitted(self, name: str) -> Path:
        """The folder with links followed. Raises FolderRefused for one outside of what agents may work in."""
        ...
