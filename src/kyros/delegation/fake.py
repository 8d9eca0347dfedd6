"""The run store in memory, for tests and for rooms above: the same promises, gone with the process."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from kyros.collab.model import Budget, Fence, NewTask
from kyros.delegation.errors import no_run
from kyros.delegation.model import (
    ENDED,
    RUN_MOVES,
    NewRun,
    Reason,
    Run,
    RunStatus,
    Step,
    StepName,
    StepStatus,
)
from kyros.delegation.ports import LeaseCheck, TaskBook
from kyros.engine.model import NewJob
from kyros.engine.ports import Queue
from kyros.events.model import NewEvent
from kyros.events.ports import Outbox
from kyros.fleet.model import Spent
from kyros.kernel.answers import KeyReused, Once, refuse_reuse
from kyros.kernel.clock import Clock, to_text

_ORDER = list(StepName)
_WORDS = {StepStatus.DONE: "step_done", StepStatus.FAILED: "step_failed", StepStatus.WAITING: "step_put_off"}


class FakeRunStore:
    """ports.RunStore without a database. A transaction is a list of things to do on commit."""

    def __init__(
        self,
        *,
        tasks: TaskBook,
        leases: LeaseCheck,
        outbox: Outbox,
        queue: Queue,
        clock: Clock,
        delay_seconds: float = 20.0,
    ) -> None:
        self._tasks = tasks
        self._leases = leases
        self._outbox = outbox
        self._queue = queue
        self._clock = clock
        self._delay_seconds = delay_seconds
        self._runs: dict[str, Run] = {}
        self._keys: dict[str, tuple[str, str]] = {}
        self._checks: dict[str, str] = {}
        self._grants: dict[tuple[str, str], str] = {}

    async def create(self, run: NewRun, task: NewTask, actor: str) -> tuple[Run, bool]:
        if run.idempotency_key in self._keys:
            known, digest = self._keys[run.idempotency_key]
            if digest != run.request_digest:
                raise KeyReused("This Idempotency-Key came before with another request: use a new key.")
            return self._runs[known], False
        commit: list[Callable[[], None]] = []
        opened = _opened(run, self._tasks.create_in(commit, task, actor).id, self._now())
        details = {"task_id": opened.task_id, "agent": run.agent}
        self._tell(commit, opened, "run_created", actor, details)
        self._note_status(commit, opened)
        self._look_later(commit, run.id, self._delay_seconds)
        if run.idempotency_key is not None:
            self._keys[run.idempotency_key] = (run.id, run.request_digest)
        return self._keep(opened, commit), True

    async def by_key(self, key: str) -> tuple[Run, str] | None:
        if key not in self._keys:
            return None
        run_id, digest = self._keys[key]
        return self._runs[run_id], digest

    async def get(self, run_id: str) -> Run:
        return self._get(run_id)

    async def by_pull(self, pull_id: str) -> Run | None:
        return next((run for run in self._newest_first() if run.pull_id == pull_id), None)

    async def of_task(self, task_id: str) -> Sequence[Run]:
        return [run for run in self._newest_first() if run.task_id == task_id]

    async def branches_among(self, project_id: str, names: Sequence[str]) -> Collection[str]:
        mine = [run for run in self._runs.values() if run.project_id == project_id]
        return {name for run in mine for name in (run.branch, run.base)} & set(names)

    async def page(
        self, status: RunStatus | None, project_id: str | None, before: str | None, limit: int
    ) -> Sequence[Run]:
        matching = [
            run
            for run in self._newest_first()
            if status in (None, run.status)
            and project_id in (None, run.project_id)
            and (before is None or run.id < before)
        ]
        return matching[:limit]

    async def unfinished(self) -> Sequence[str]:
        return sorted(run.id for run in self._runs.values() if run.is_going)

    async def advance(
        self,
        run_id: str,
        done: StepName | None,
        data: Mapping[str, object],
        note: str,
        begin: StepName | None,
        fence: Fence,
    ) -> Run:
        commit: list[Callable[[], None]] = []
        self._leases.check_in(commit, fence)
        run = self._get(run_id)
        if done is not None:
            run = replace(self._end_step(commit, run, done, StepStatus.DONE, note, data), tries=0)
        if begin is not None:
            run = self._begin_step(commit, run, begin)
        return self._keep(run, commit)

    async def set_pull(self, run_id: str, pull_id: str) -> None:
        commit: list[Callable[[], None]] = []
        run = replace(self._get(run_id), pull_id=pull_id)
        self._tasks.note_facts_in(commit, run.task_id, {"pull_id": pull_id, "pull_status": "open"})
        self._keep(run, commit)

    async def note_facts(self, run_id: str, facts: Mapping[str, str | None]) -> None:
        commit: list[Callable[[], None]] = []
        run = self._get(run_id)
        self._tasks.note_facts_in(commit, run.task_id, facts)
        self._keep(run, commit)

    async def fail_step(self, run_id: str, step: StepName, note: str, fence: Fence) -> None:
        commit: list[Callable[[], None]] = []
        self._leases.check_in(commit, fence)
        self._keep(self._end_step(commit, self._get(run_id), step, StepStatus.FAILED, note, {}), commit)

    async def try_again(self, run_id: str, step: StepName, note: str, fence: Fence) -> Run:
        commit: list[Callable[[], None]] = []
        self._leases.check_in(commit, fence)
        run = self._end_step(commit, self._get(run_id), step, StepStatus.WAITING, note, {})
        return self._keep(replace(run, tries=run.tries + 1), commit)

    async def put_off(self, run_id: str, step: StepName, note: str, fence: Fence) -> Run:
        commit: list[Callable[[], None]] = []
        self._leases.check_in(commit, fence)
        run = self._end_step(commit, self._get(run_id), step, StepStatus.WAITING, note, {})
        moved = self._moved(commit, run, RunStatus.QUEUED, "kyros", None)
        return self._keep(replace(moved, explanation=note), commit)

    async def move(
        self,
        run_id: str,
        to: RunStatus,
        actor: str,
        fence: Fence,
        reason: Reason | None = None,
        explanation: str | None = None,
    ) -> Run:
        commit: list[Callable[[], None]] = []
        self._leases.check_in(commit, fence)
        run = self._get(run_id)
        if run.status is to:
            return run
        moved = self._moved(commit, run, to, actor, reason)
        return self._keep(replace(moved, explanation=explanation), commit)

    async def ask_stop(self, run_id: str, actor: str) -> Run:
        run = self._get(run_id)
        if run.status in ENDED or run.stop_asked:
            return run
        commit: list[Callable[[], None]] = []
        self._tell(commit, run, "run_stop_asked", actor, {"task_id": run.task_id})
        self._look_later(commit, run_id, 0)
        return self._keep(replace(run, stop_asked=True), commit)

    async def requeue(self, run_id: str, actor: str, again_from: StepName) -> Run:
        run = self._get(run_id)
        if run.is_going:
            return run
        commit: list[Callable[[], None]] = []
        again = _ORDER[_ORDER.index(again_from) :]
        run = self._moved(commit, run, RunStatus.QUEUED, actor, None)
        self._look_later(commit, run_id, 0)
        run = replace(
            run,
            explanation=None,
            ended_at=None,
            stop_asked=False,
            tries=0,
            attempt=run.attempt + 1,
            steps=tuple(_waiting(step) if step.name in again else step for step in run.steps),
        )
        return self._keep(run, commit)

    async def grant(
        self, run_id: str, more: Budget, used: Spent, actor: str, once: Once | None = None
    ) -> tuple[Run, bool]:
        commit: list[Callable[[], None]] = []
        run = self._get(run_id)
        if once is not None and (known := self._grants.get((once.who, once.key))) is not None:
            refuse_reuse(once, known)
            return run, False
        budget = run.with_more(more, used)
        details = {"task_id": run.task_id, **budget.document()}
        self._tell(commit, run, "run_budget_set", actor, details)
        run = self._keep(replace(run, budget=budget), commit)
        if once is not None:
            self._grants[once.who, once.key] = once.digest
        return run, True

    async def project_checks(self, project_id: str) -> str | None:
        return self._checks.get(project_id)

    async def set_project_checks(self, project_id: str, command: str | None, actor: str) -> None:
        details = {"project_id": project_id, "command": command}
        self._outbox.append_in(None, [NewEvent("project_checks_set", actor, project_id, details)])
        self._checks.pop(project_id, None)
        if command is not None:
            self._checks[project_id] = command

    def _get(self, run_id: str) -> Run:
        if run_id not in self._runs:
            raise no_run(run_id)
        return self._runs[run_id]

    def _newest_first(self) -> list[Run]:
        return sorted(self._runs.values(), key=lambda run: run.id, reverse=True)

    def _keep(self, run: Run, commit: Sequence[Callable[[], None]]) -> Run:
        """The state and what was to happen with it."""
        self._runs[run.id] = run
        for act in commit:
            act()
        return run

    def _begin_step(self, commit: Any, run: Run, name: StepName) -> Run:
        self._tell(commit, run, "step_started", "kyros", {"step": name})
        old = run.step(name)
        begun = replace(
            old,
            status=StepStatus.RUNNING,
            attempt=old.attempt + 1,
            started_at=self._now(),
            ended_at=None,
            note="",
        )
        return _with(run, begun)

    def _end_step(
        self,
        commit: Any,
        run: Run,
        name: StepName,
        status: StepStatus,
        note: str,
        data: Mapping[str, object],
    ) -> Run:
        self._tell(commit, run, _WORDS[status], "kyros", {"step": name, "note": note})
        stored = json.loads(json.dumps(dict(data)))
        return _with(
            run, replace(run.step(name), status=status, ended_at=self._now(), note=note, data=stored)
        )

    def _moved(self, commit: Any, run: Run, to: RunStatus, actor: str, reason: Reason | None) -> Run:
        RUN_MOVES.check(run.status, to)
        details = {"task_id": run.task_id, "old_status": run.status, "new_status": to, "pull_id": run.pull_id}
        self._tell(commit, run, f"run_{to}", actor, details | {"reason": reason})
        started = run.started_at or (self._now() if to is RunStatus.RUNNING else None)
        ended = self._now() if to in ENDED else run.ended_at
        moved = replace(run, status=to, reason=reason, started_at=started, ended_at=ended)
        self._note_status(commit, moved)
        return moved

    def _note_status(self, commit: Any, run: Run) -> None:
        reason = run.reason and run.reason.value
        facts = {"run_id": run.id, "run_status": run.status.value, "run_reason": reason}
        self._tasks.note_facts_in(commit, run.task_id, facts)

    def _tell(self, commit: Any, run: Run, event: str, actor: str, details: Mapping[str, object]) -> None:
        facts = {"run_id": run.id, "project_id": run.project_id, **details}
        self._outbox.append_in(commit, [NewEvent(event, actor, run.id, facts)])

    def _look_later(self, commit: Any, run_id: str, delay_seconds: float) -> None:
        job = NewJob("delegation.run", {"run_id": run_id}, f"run:{run_id}", delay_seconds)
        self._queue.enqueue_in(commit, job)

    def _now(self) -> str:
        return to_text(self._clock())


def _opened(run: NewRun, task_id: str, now: str) -> Run:
    return Run(
        id=run.id,
        task_id=task_id,
        project_id=run.project_id,
        status=RunStatus.QUEUED,
        reason=None,
        explanation=None,
        attempt=1,
        tries=0,
        agent=run.agent,
        branch=run.branch,
        base=run.base,
        timeout_seconds=run.timeout_seconds,
        pull_id=None,
        stop_asked=False,
        steps=tuple(Step(name, StepStatus.WAITING, 0, None, None, {}, "") for name in _ORDER),
        created_at=now,
        started_at=None,
        ended_at=None,
        budget=run.budget,
    )


def _waiting(step: Step) -> Step:
    """As before its first try, but for the count of tries."""
    return replace(step, status=StepStatus.WAITING, started_at=None, ended_at=None, data={}, note="")


def _with(run: Run, step: Step) -> Run:
    return replace(run, steps=tuple(step if old.name is step.name else old for old in run.steps))
