"""Sessions, executions and folders, as dicts."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from kyros.engine.model import NewJob
from kyros.engine.ports import Queue
from kyros.events.model import NewEvent
from kyros.events.ports import Outbox
from kyros.fleet.errors import ExecutionNotFound, FolderRefused, PoolBusy
from kyros.fleet.model import (
    EXECUTION_MOVES,
    Execution,
    ExecutionState,
    SessionRow,
    Standing,
)
from kyros.fleet.model.pool import RETRY_SECONDS


class FakeSessions:
    """ports.Sessions as a dict."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self.rows: dict[str, SessionRow] = {}

    async def add(self, row: SessionRow) -> None:
        self._tell("session_started", row, {})
        self.rows[row.id] = row

    async def put(self, row: SessionRow) -> None:
        known = self.rows.get(row.id)
        if known is not None and known.ended_at is None:
            if row.ended_at is not None:
                self._tell("session_ended", row, {"why": row.why})
            self.rows[row.id] = replace(row, stop_asked=known.stop_asked)

    async def live(self) -> Sequence[SessionRow]:
        return sorted((row for row in self.rows.values() if row.ended_at is None), key=lambda row: row.id)

    async def of_task(self, task_id: str) -> Sequence[str]:
        return [row.id for row in await self.live() if row.current_task == task_id]

    async def ended(self, session_ids: Collection[str]) -> Collection[str]:
        live = {row.id for row in await self.live()}
        return {one for one in session_ids if one not in live}

    async def ask_stop_all(self) -> None:
        for row in await self.live():
            self.rows[row.id] = replace(row, stop_asked=True)

    async def end(self, session_id: str, why: str, at: str) -> None:
        if (row := self.rows.get(session_id)) is not None:
            await self.put(replace(row, standing=Standing.ENDED, ended_at=at, why=why))

    async def prune(self, keep: int) -> int:
        over = sorted(row.id for row in self.rows.values() if row.ended_at is not None)
        old = over[: max(0, len(over) - keep)]
        for one in old:
            del self.rows[one]
        return len(old)

    def _tell(self, event: str, row: SessionRow, details: Mapping[str, object]) -> None:
        self._outbox.append_in(None, [NewEvent(event, "kyros", row.id, {**row.facts(), **details})])


class FakeExecutions:
    """ports.Executions as a dict; their jobs go to `queue`."""

    def __init__(self, outbox: Outbox, queue: Queue) -> None:
        self._outbox = outbox
        self._queue = queue
        self.rows: dict[str, Execution] = {}

    async def create(self, execution: Execution, most_queued: int) -> None:
        waiting = [one for one in self.rows.values() if one.state is ExecutionState.QUEUED]
        if len(waiting) >= most_queued:
            raise PoolBusy(
                f"{most_queued} executions wait already: try again later.", retry_after_seconds=RETRY_SECONDS
            )
        self._tell("execution_asked", execution.asked_by, execution, {})
        self.rows[execution.id] = execution
        job = {"execution_id": execution.id}
        await self._queue.enqueue(NewJob("fleet.execute", job, f"execution:{execution.id}"))

    async def get(self, execution_id: str) -> Execution:
        if execution_id not in self.rows:
            raise ExecutionNotFound(f"There is no execution {execution_id}.")
        return self.rows[execution_id]

    async def begin(self, execution_id: str, turn_id: str) -> bool:
        known = self.rows.get(execution_id)
        if known is None or known.state is not ExecutionState.QUEUED or known.stop_asked:
            return False
        self.rows[execution_id] = replace(known, state=ExecutionState.RUNNING, turn_id=turn_id)
        return True

    async def end(
        self, execution_id: str, state: ExecutionState, note: str, at: str, output: str = ""
    ) -> Execution:
        known = await self.get(execution_id)
        if not known.is_over:
            EXECUTION_MOVES.check(known.state, state)
            self._tell("execution_ended", "kyros", known, {"state": state, "note": note})
            self.rows[execution_id] = replace(known, state=state, note=note, output=output, ended_at=at)
        return self.rows[execution_id]

    async def cancel_queued(self, execution_id: str, note: str, at: str) -> bool:
        if (await self.get(execution_id)).state is not ExecutionState.QUEUED:
            return False
        await self.end(execution_id, ExecutionState.CANCELLED, note, at)
        return True

    async def ask_stop(self, execution_id: str) -> None:
        known = self.rows.get(execution_id)
        if known is not None and not known.is_over:
            self.rows[execution_id] = replace(known, stop_asked=True)

    async def unfinished(self) -> Sequence[Execution]:
        return sorted((one for one in self.rows.values() if not one.is_over), key=lambda one: one.id)

    def _tell(self, event: str, actor: str, one: Execution, details: Mapping[str, object]) -> None:
        self._outbox.append_in(None, [NewEvent(event, actor, one.id, {**one.facts(), **details})])


@dataclass
class FakeFolders:
    """ports.Folders without a disk: what lies below `allowed` may be named."""

    allowed: str = "/fake/shared"
    made: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)

    async def make(self, session_id: str) -> Path:
        self.made.append(session_id)
        return Path("/fake/agents") / session_id / "work"

    async def remove(self, session_id: str) -> None:
        self.removed.append(session_id)

    async def permitted(self, name: str) -> Path:
        if not Path(name).is_relative_to(self.allowed):
            raise FolderRefused(f"{name} is not below {self.allowed}.")
        return Path(name)
