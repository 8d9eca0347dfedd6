"""What the run store promises, and what it asks of collab."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from kyros.collab.model import Budget, Fence, NewTask, Task
from kyros.delegation.model import NewRun, Reason, Run, RunStatus, StepName
from kyros.fleet.model import Spent
from kyros.kernel.answers import Once


class TaskBook(Protocol):
    """Tasks inside another store's transaction: a run and its task stand or fall together."""

    def create_in(self, transaction: Any, new: NewTask, actor: str) -> Task: ...

    def note_facts_in(self, transaction: Any, task_id: str, facts: Mapping[str, str | None]) -> None:
        """What a run has proven about its task; None takes a fact back."""
        ...


class LeaseCheck(Protocol):
    """Whether a walk still has its run, asked inside the transaction that writes."""

    def check_in(self, transaction: Any, fence: Fence) -> None:
        """Raises LeaseLost."""
        ...


class RunStore(Protocol):
    """The run's row is the truth. Each write appends its event, hands its job to the engine and notes on
    the task what it proves (`run_id`, `run_status`, `run_reason`, `pull_id`, `pull_status`, `checks`), in
    one transaction. What a walk writes takes its `fence` on `run:ID`: from a walk that has lost the run
    it is refused with LeaseLost, and nothing is written."""

    async def create(self, run: NewRun, task: NewTask, actor: str) -> tuple[Run, bool]:
        """The run with its task and its waiting steps; or, for a known key, the run made then (False).
        Raises KeyReused."""
        ...

    async def by_key(self, key: str) -> tuple[Run, str] | None:
        """The run made under an idempotency key, with the digest of its request."""
        ...

    async def get(self, run_id: str) -> Run:
        """Raises RunNotFound."""
        ...

    async def by_pull(self, pull_id: str) -> Run | None:
        """The newest run of a pull request."""
        ...

    async def of_task(self, task_id: str) -> Sequence[Run]:
        """Newest first."""
        ...

    async def branches_among(self, project_id: str, names: Sequence[str]) -> Collection[str]:
        """Those of these branches that a run of the project has, or began from."""
        ...

    async def page(
        self, status: RunStatus | None, project_id: str | None, before: str | None, limit: int
    ) -> Sequence[Run]:
        """Newest first, ids below `before`."""
        ...

    async def unfinished(self) -> Sequence[str]:
        """Ids of runs that somebody must still work on."""
        ...

    async def advance(
        self,
        run_id: str,
        done: StepName | None,
        data: Mapping[str, object],
        note: str,
        begin: StepName | None,
        fence: Fence,
    ) -> Run:
        """Record one step as done with what it made and the next as begun, in one transaction. `tries`
        counts those of the step in hand: a step done sets it back."""
        ...

    async def set_pull(self, run_id: str, pull_id: str) -> None: ...

    async def note_facts(self, run_id: str, facts: Mapping[str, str | None]) -> None:
        """What the forge has proven about the run's task: `pull_status`, `checks`."""
        ...

    async def fail_step(self, run_id: str, step: StepName, note: str, fence: Fence) -> None: ...

    async def try_again(self, run_id: str, step: StepName, note: str, fence: Fence) -> Run:
        """A passing trouble: the run waits for its next try; `tries` grows."""
        ...

    async def put_off(self, run_id: str, step: StepName, note: str, fence: Fence) -> Run:
        """Back into the queue, for a cause that passes by itself; no try is counted. `note` explains it."""
        ...

    async def move(
        self,
        run_id: str,
        to: RunStatus,
        actor: str,
        fence: Fence,
        reason: Reason | None = None,
        explanation: str | None = None,
    ) -> Run:
        """Checks the table inside the transaction; the state it is in already changes nothing."""
        ...

    async def ask_stop(self, run_id: str, actor: str) -> Run:
        """Remembered until the run has ended."""
        ...

    async def requeue(self, run_id: str, actor: str, again_from: StepName) -> Run:
        """A new attempt: steps from `again_from` on wait once more. A run that is queued or running already
        is left as it is. Raises MoveRefused."""
        ...

    async def grant(
        self, run_id: str, more: Budget, used: Spent, actor: str, once: Once | None = None
    ) -> tuple[Run, bool]:
        """So much more than the run itself allows or has used by now, whichever is more; the same key once
        more changes nothing (False). Raises MoveRefused when it has ended, and KeyReused."""
        ...

    async def project_checks(self, project_id: str) -> str | None:
        """The check command set for a project, used where its repository has no kyros.toml."""
        ...

    async def set_project_checks(self, project_id: str, command: str | None, actor: str) -> None: ...
