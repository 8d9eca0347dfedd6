"""Every change of a run in one transaction: row, steps, task, event and the next look."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, and_, or_, select

from kyros.collab.model import Budget, Fence, NewTask
from kyros.delegation.model import (
    ENDED,
    RUN_MOVES,
    NewRun,
    Reason,
    Run,
    RunStatus,
    StepName,
    StepStatus,
)
from kyros.delegation.ports import LeaseCheck, TaskBook
from kyros.delegation.store.rows import (
    budget_columns,
    find_run,
    get_run,
    known_by_key,
    project_checks,
    run_of,
    run_steps,
    runs,
)
from kyros.engine.model import NewJob
from kyros.engine.ports import Queue
from kyros.events.model import NewEvent
from kyros.events.ports import Outbox
from kyros.fleet.model import Spent
from kyros.infra import answers
from kyros.infra.db import Database
from kyros.kernel.answers import Answer, Once
from kyros.kernel.clock import Clock, to_text

_ORDER = list(StepName)
_STARTED = frozenset({RunStatus.RUNNING})


class SqlRunStore:
    """ports.RunStore over SQL. `delay_seconds` gives the server time to open branch and pull request
    before a worker looks."""

    def __init__(
        self,
        database: Database,
        *,
        tasks: TaskBook,
        leases: LeaseCheck,
        outbox: Outbox,
        queue: Queue,
        clock: Clock,
        delay_seconds: float = 20.0,
    ) -> None:
        self._database = database
        self._tasks = tasks
        self._leases = leases
        self._outbox = outbox
        self._queue = queue
        self._clock = clock
        self._delay_seconds = delay_seconds

    async def create(self, run: NewRun, task: NewTask, actor: str) -> tuple[Run, bool]:
        def work(connection: Connection) -> tuple[Run, bool]:
            if (known := known_by_key(connection, run)) is not None:
                return known, False
            task_id = self._tasks.create_in(connection, task, actor).id
            self._insert(connection, run, task_id)
            made = get_run(connection, run.id)
            self._tell(connection, made, "run_created", actor, {"task_id": task_id, "agent": run.agent})
            self._note_status(connection, made)
            self._look_later(connection, run.id, self._delay_seconds)
            return made, True

        return await self._database.write(work)

    async def by_key(self, key: str) -> tuple[Run, str] | None:
        def work(connection: Connection) -> tuple[Run, str] | None:
            row = find_run(connection, runs.c.idempotency_key == key)
            return (run_of(connection, row), row.request_digest) if row else None

        return await self._database.read(work)

    async def get(self, run_id: str) -> Run:
        return await self._database.read(lambda connection: get_run(connection, run_id))

    async def by_pull(self, pull_id: str) -> Run | None:
        def work(connection: Connection) -> Run | None:
            row = find_run(connection, runs.c.pull_id == pull_id)
            return run_of(connection, row) if row else None

        return await self._database.read(work)

    async def of_task(self, task_id: str) -> Sequence[Run]:
        query = select(runs).where(runs.c.task_id == task_id).order_by(runs.c.id.desc())
        return await self._database.read(lambda c: [run_of(c, row) for row in c.execute(query)])

    async def branches_among(self, project_id: str, names: Sequence[str]) -> Collection[str]:
        mine = runs.c.project_id == project_id
        queries = [select(one).where(mine, one.in_(names)) for one in (runs.c.branch, runs.c.base)]
        return await self._database.read(lambda c: {name for one in queries for name in c.scalars(one)})

    async def page(
        self, status: RunStatus | None, project_id: str | None, before: str | None, limit: int
    ) -> Sequence[Run]:
        query = select(runs).order_by(runs.c.id.desc()).limit(limit)
        if status is not None:
            query = query.where(runs.c.status == status)
        if project_id is not None:
            query = query.where(runs.c.project_id == project_id)
        if before is not None:
            query = query.where(runs.c.id < before)

        def work(connection: Connection) -> Sequence[Run]:
            rows = connection.execute(query).all()
            return [run_of(connection, row) for row in rows]

        return await self._database.read(work)

    async def unfinished(self) -> Sequence[str]:
        asked = and_(runs.c.status == RunStatus.BLOCKED, runs.c.reason.is_(None))
        going = or_(asked, runs.c.status.in_((RunStatus.QUEUED, RunStatus.RUNNING)))
        query = select(runs.c.id).where(going).order_by(runs.c.id)
        return await self._database.read(lambda connection: list(connection.scalars(query)))

    async def advance(
        self,
        run_id: str,
        done: StepName | None,
        data: Mapping[str, object],
        note: str,
        begin: StepName | None,
        fence: Fence,
    ) -> Run:
        def work(connection: Connection) -> Run:
            self._leases.check_in(connection, fence)
            run = get_run(connection, run_id)
            if done is not None:
                self._end_step(connection, run, done, StepStatus.DONE, note, data)
                connection.execute(runs.update().where(runs.c.id == run_id).values(tries=0))
            if begin is not None:
                self._begin_step(connection, run, begin)
            return get_run(connection, run_id)

        return await self._database.write(work)

    async def set_pull(self, run_id: str, pull_id: str) -> None:
        query = runs.update().where(runs.c.id == run_id).values(pull_id=pull_id)

        def work(connection: Connection) -> None:
            run = get_run(connection, run_id)
            connection.execute(query)
            facts = {"pull_id": pull_id, "pull_status": "open"}
            self._tasks.note_facts_in(connection, run.task_id, facts)

        await self._database.write(work)

    async def note_facts(self, run_id: str, facts: Mapping[str, str | None]) -> None:
        await self._database.write(lambda c: self._tasks.note_facts_in(c, get_run(c, run_id).task_id, facts))

    async def fail_step(self, run_id: str, step: StepName, note: str, fence: Fence) -> None:
        def work(connection: Connection) -> None:
            self._leases.check_in(connection, fence)
            self._end_step(connection, get_run(connection, run_id), step, StepStatus.FAILED, note, {})

        await self._database.write(work)

    async def try_again(self, run_id: str, step: StepName, note: str, fence: Fence) -> Run:
        def work(connection: Connection) -> Run:
            self._leases.check_in(connection, fence)
            self._end_step(connection, get_run(connection, run_id), step, StepStatus.WAITING, note, {})
            connection.execute(runs.update().where(runs.c.id == run_id).values(tries=runs.c.tries + 1))
            return get_run(connection, run_id)

        return await self._database.write(work)

    async def put_off(self, run_id: str, step: StepName, note: str, fence: Fence) -> Run:
        values: dict[str, Any] = {"status": RunStatus.QUEUED, "reason": None, "explanation": note}

        def work(connection: Connection) -> Run:
            self._leases.check_in(connection, fence)
            self._end_step(connection, get_run(connection, run_id), step, StepStatus.WAITING, note, {})
            return self._move(connection, run_id, RunStatus.QUEUED, "kyros", values)

        return await self._database.write(work)

    async def move(
        self,
        run_id: str,
        to: RunStatus,
        actor: str,
        fence: Fence,
        reason: Reason | None = None,
        explanation: str | None = None,
    ) -> Run:
        values: dict[str, Any] = {"status": to, "reason": reason, "explanation": explanation}

        def work(connection: Connection) -> Run:
            self._leases.check_in(connection, fence)
            return self._move(connection, run_id, to, actor, values)

        return await self._database.write(work)

    async def ask_stop(self, run_id: str, actor: str) -> Run:
        def work(connection: Connection) -> Run:
            run = get_run(connection, run_id)
            if run.status in ENDED or run.stop_asked:
                return run
            connection.execute(runs.update().where(runs.c.id == run_id).values(stop_asked=1))
            self._tell(connection, run, "run_stop_asked", actor, {"task_id": run.task_id})
            self._look_later(connection, run_id, 0)
            return get_run(connection, run_id)

        return await self._database.write(work)

    async def requeue(self, run_id: str, actor: str, again_from: StepName) -> Run:
        again = _ORDER[_ORDER.index(again_from) :]
        reset = {"status": StepStatus.WAITING, "started_at": None, "ended_at": None, "data": "{}", "note": ""}

        def work(connection: Connection) -> Run:
            if (going := get_run(connection, run_id)).is_going:
                return going
            values: dict[str, Any] = {
                "status": RunStatus.QUEUED,
                "reason": None,
                "explanation": None,
                "ended_at": None,
                "stop_asked": 0,
                "tries": 0,
                "attempt": runs.c.attempt + 1,
            }
            run = self._move(connection, run_id, RunStatus.QUEUED, actor, values)
            connection.execute(
                run_steps.update()
                .where(run_steps.c.run_id == run_id, run_steps.c.name.in_(again))
                .values(reset)
            )
            self._look_later(connection, run_id, 0)
            return get_run(connection, run.id)

        return await self._database.write(work)

    async def grant(
        self, run_id: str, more: Budget, used: Spent, actor: str, once: Once | None = None
    ) -> tuple[Run, bool]:
        def work(connection: Connection) -> tuple[Run, bool]:
            run = get_run(connection, run_id)
            if once is not None and answers.recall(connection, once) is not None:
                return run, False
            budget = run.with_more(more, used)
            connection.execute(runs.update().where(runs.c.id == run_id).values(budget_columns(budget)))
            details = {"task_id": run.task_id, **budget.document()}
            self._tell(connection, run, "run_budget_set", actor, details)
            if once is not None:
                answers.remember(connection, once, Answer(200, "null"), self._clock())
            return get_run(connection, run_id), True

        return await self._database.write(work)

    async def project_checks(self, project_id: str) -> str | None:
        query = select(project_checks.c.command).where(project_checks.c.project_id == project_id)
        return await self._database.read(lambda connection: connection.scalar(query))

    async def set_project_checks(self, project_id: str, command: str | None, actor: str) -> None:
        event = NewEvent(
            "project_checks_set", actor, project_id, {"project_id": project_id, "command": command}
        )

        def work(connection: Connection) -> None:
            connection.execute(project_checks.delete().where(project_checks.c.project_id == project_id))
            if command is not None:
                connection.execute(project_checks.insert().values(project_id=project_id, command=command))
            self._outbox.append_in(connection, [event])

        await self._database.write(work)

    def _insert(self, connection: Connection, run: NewRun, task_id: str) -> None:
        connection.execute(
            runs.insert().values(
                id=run.id,
                task_id=task_id,
                project_id=run.project_id,
                status=RunStatus.QUEUED,
                attempt=1,
                tries=0,
                agent=run.agent,
                branch=run.branch,
                base=run.base,
                stop_asked=0,
                timeout_seconds=run.timeout_seconds,
                idempotency_key=run.idempotency_key,
                request_digest=run.request_digest,
                created_at=self._now(),
                **budget_columns(run.budget),
            )
        )
        steps = [
            {
                "run_id": run.id,
                "name": name,
                "position": position,
                "status": StepStatus.WAITING,
                "attempt": 0,
                "data": "{}",
                "note": "",
            }
            for position, name in enumerate(_ORDER)
        ]
        connection.execute(run_steps.insert(), steps)

    def _begin_step(self, connection: Connection, run: Run, name: StepName) -> None:
        values = {
            "status": StepStatus.RUNNING,
            "attempt": run_steps.c.attempt + 1,
            "started_at": self._now(),
            "ended_at": None,
            "note": "",
        }
        connection.execute(_step(run.id, name).values(values))
        self._tell(connection, run, "step_started", "kyros", {"step": name})

    def _end_step(
        self,
        connection: Connection,
        run: Run,
        name: StepName,
        status: StepStatus,
        note: str,
        data: Mapping[str, object],
    ) -> None:
        values = {"status": status, "ended_at": self._now(), "note": note, "data": json.dumps(dict(data))}
        connection.execute(_step(run.id, name).values(values))
        word = {StepStatus.DONE: "step_done", StepStatus.FAILED: "step_failed"}.get(status, "step_put_off")
        self._tell(connection, run, word, "kyros", {"step": name, "note": note})

    def _move(
        self, connection: Connection, run_id: str, to: RunStatus, actor: str, values: dict[str, Any]
    ) -> Run:
        run = get_run(connection, run_id)
        if run.status is to:
            return run
        RUN_MOVES.check(run.status, to)
        if to in _STARTED and run.started_at is None:
            values["started_at"] = self._now()
        if to in ENDED:
            values["ended_at"] = self._now()
        connection.execute(runs.update().where(runs.c.id == run_id).values(values))
        details = {"task_id": run.task_id, "old_status": run.status, "new_status": to, "pull_id": run.pull_id}
        self._tell(connection, run, f"run_{to}", actor, details | {"reason": values.get("reason")})
        moved = get_run(connection, run_id)
        self._note_status(connection, moved)
        return moved

    def _note_status(self, connection: Connection, run: Run) -> None:
        facts = {
            "run_id": run.id,
            "run_status": run.status.value,
            "run_reason": run.reason and run.reason.value,
        }
        self._tasks.note_facts_in(connection, run.task_id, facts)

    def _tell(
        self, connection: Connection, run: Run, event: str, actor: str, details: Mapping[str, object]
    ) -> None:
        facts = {"run_id": run.id, "project_id": run.project_id, **details}
        self._outbox.append_in(connection, [NewEvent(event, actor, run.id, facts)])

    def _look_later(self, connection: Connection, run_id: str, delay_seconds: float) -> None:
        job = NewJob("delegation.run", {"run_id": run_id}, f"run:{run_id}", delay_seconds)
        self._queue.enqueue_in(connection, job)

    def _now(self) -> str:
        return to_text(self._clock())


def _step(run_id: str, name: StepName) -> Any:
    return run_steps.update().where(run_steps.c.run_id == run_id, run_steps.c.name == name)
