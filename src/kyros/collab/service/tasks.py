"""What may be done with a task: make it, change it, move it, note what other rooms have proven about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kyros.collab.errors import TaskExists, TaskNotFound
from kyros.collab.model import (
    Kind,
    NewTask,
    Standing,
    Task,
    TaskChange,
    TaskQuery,
    TaskStatus,
    Writer,
    changed_fields,
    task_changed,
    task_created,
)
from kyros.collab.ports import Board, CollabStore, View
from kyros.collab.service.backlog import (
    check_checklist,
    check_dependencies,
    free_if_ready,
    move_on,
    resource_of,
    stand,
    tag_of,
    unmet,
)
from kyros.collab.service.holding import check_writer
from kyros.collab.service.state import state_tag
from kyros.kernel.clock import to_text
from kyros.kernel.etag import require_match, required, unmarked


@dataclass(frozen=True)
class Shown:
    """A task as it is answered. `etag` is the task's own, with a mark while leases or other tasks make it
    stand elsewhere than it would by itself; either form serves as If-Match."""

    task: Task
    standing: Standing

    @property
    def etag(self) -> str:
        return tag_of(self.task, self.standing)

    def document(self) -> dict[str, object]:
        return {**self.task.document(), "etag": self.etag, "standing": self.standing.document()}


@dataclass(frozen=True)
class Moved:
    old: TaskStatus
    now: Shown


def shown(view: View, task: Task) -> Shown:
    return Shown(task, stand(view, task))


def get(view: View, task_id: str) -> Task:
    """Raises TaskNotFound."""
    task = view.task(task_id)
    if task is None:
        raise not_there(task_id)
    return task


def not_there(task_id: str) -> TaskNotFound:
    """Also for those whom it is hidden from."""
    return TaskNotFound(
        f"There is no task {task_id}: `kyros task list` shows those there are.", task_id=task_id
    )


def create(board: Board, new: NewTask, actor: str, projects: frozenset[str] | None = None) -> Task:
    """Queued. `projects` are those its dependencies may be in (None: all). Raises TaskExists,
    DependencyNotFound, DependencyCycle."""
    if new.id is not None and board.task(new.id) is not None:
        raise TaskExists(f"There is a task {new.id} already.", task_id=new.id)
    check_dependencies(board, new.id, new.depends_on, projects)
    at = to_text(board.now)
    task = board.add_task(lambda task_id: _made(new, task_id, at), new.id)
    board.tell(task_created(task, actor))
    return task


def match(view: View, task: Task, if_match: str | None, projects: frozenset[str] | None = None) -> None:
    """Whether the change was made on what is there: If-Match names the task's etag, with or without the mark
    of its standing, or that of all tasks in `projects`. Raises PreconditionRequired, StaleTag."""
    header = required(if_match)
    if header.strip() == task.etag:
        return
    all_tasks = state_tag(view, Kind.TASKS, projects)
    require_match(unmarked(header), shown(view, task).etag, task.etag, all_tasks)


def patch(
    board: Board, task: Task, change: TaskChange, writer: Writer, projects: frozenset[str] | None = None
) -> Shown:
    """Change what people set; dependencies may be in `projects` (None: all). A change that changes nothing
    leaves the version as it is and tells nobody. Raises LeaseHeld, FenceStale, DependencyNotFound,
    DependencyCycle, ChecklistOpen."""
    check_writer(board, resource_of(task.id), writer)
    changed = change.on(task)
    fields = changed_fields(task, changed)
    if not fields:
        return shown(board, task)
    check_checklist(changed, task.status)
    if "depends_on" in fields:
        check_dependencies(board, task.id, changed.depends_on, projects)
    changed = replace(changed, version=task.version + 1, updated_at=to_text(board.now))
    board.put_task(changed)
    board.tell(task_changed(task, changed, fields, writer.actor))
    if "depends_on" in fields and (waited_for := unmet(board, task)):
        changed = free_if_ready(board, changed, ", ".join(waited_for), writer.actor)
    return shown(board, changed)


def transition(board: Board, task: Task, to: TaskStatus, writer: Writer, note: str) -> Moved:
    """Raises MoveRefused, DependenciesUnmet, ChecklistOpen, LeaseHeld, FenceStale."""
    check_writer(board, resource_of(task.id), writer)
    return Moved(task.status, shown(board, move_on(board, task, to, writer.actor, note)))


def note_facts(board: Board, task_id: str, facts: Mapping[str, str | None]) -> None:
    """What another room has proven; None takes a fact back. Told by that room's own events."""
    task = get(board, task_id)
    merged = {name: value for name, value in {**task.facts, **facts}.items() if value is not None}
    if merged != dict(task.facts):
        noted = replace(task, facts=merged, version=task.version + 1, updated_at=to_text(board.now))
        board.put_task(noted)


class Tasks:
    """The room's tasks, for other rooms and for the doors."""

    def __init__(self, store: CollabStore) -> None:
        self.store = store

    async def create(self, new: NewTask, actor: str) -> Task:
        """Raises TaskExists, DependencyNotFound, DependencyCycle."""
        return await self.store.write(lambda board: create(board, new, actor))

    def create_in(self, transaction: Any, new: NewTask, actor: str) -> Task:
        """In another store's transaction: both stand or fall together."""
        return create(self.store.board(transaction), new, actor)

    async def get(self, task_id: str) -> Task:
        """Raises TaskNotFound."""
        return await self.store.read(lambda view: get(view, task_id))

    async def find(self, query: TaskQuery) -> Sequence[Task]:
        """Newest first."""
        return await self.store.read(lambda view: view.tasks(query))

    async def patch(self, task_id: str, change: TaskChange, writer: Writer, if_match: str | None) -> Task:
        """As the functions `match` and `patch`; raises TaskNotFound as well."""

        def work(board: Board) -> Task:
            task = get(board, task_id)
            match(board, task, if_match)
            return patch(board, task, change, writer).task

        return await self.store.write(work)

    async def transition(self, task_id: str, to: TaskStatus, writer: Writer, note: str = "") -> Task:
        """As the function `transition`; raises TaskNotFound as well."""
        return await self.store.write(
            lambda board: transition(board, get(board, task_id), to, writer, note).now.task
        )

    async def move(self, task_id: str, to: TaskStatus, writer: Writer, note: str) -> Task:
        """As `transition`, but a task that is there already is left as it is."""

        def work(board: Board) -> Task:
            task = get(board, task_id)
            return task if task.status is to else transition(board, task, to, writer, note).now.task

        return await self.store.write(work)

    def note_facts_in(self, transaction: Any, task_id: str, facts: Mapping[str, str | None]) -> None:
        """As the function `note_facts`, in another store's transaction. Raises TaskNotFound."""
        note_facts(self.store.board(transaction), task_id, facts)


def _made(new: NewTask, task_id: str, at: str) -> Task:
    return Task(
        id=task_id,
        project_id=new.project_id,
        title=new.title,
        objective=new.objective,
        constraints=new.constraints,
        acceptance_criteria=tuple(new.acceptance_criteria),
        status=TaskStatus.QUEUED,
        version=1,
        created_at=at,
        updated_at=at,
        checklist=tuple(new.checklist),
        depends_on=tuple(new.depends_on),
        priority=new.priority,
        labels=tuple(new.labels),
        assignee=new.assignee,
        estimate_minutes=new.estimate_minutes,
        budget=new.budget,
    )
