"""How tasks hang together: what each waits for, which moves that allows, what a finished one frees."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from kyros.collab.errors import ChecklistOpen, DependenciesUnmet, DependencyCycle, DependencyNotFound
from kyros.collab.model import (
    TASK_MOVES,
    Lease,
    Standing,
    Task,
    TaskStatus,
    standing,
    task_freed,
    task_moved,
)
from kyros.collab.ports import Board, View
from kyros.kernel.clock import to_text
from kyros.kernel.etag import digest_of

_S = TaskStatus
STARTS = frozenset({_S.CLAIMED, _S.IN_PROGRESS})
NEEDS_CHECKLIST = frozenset({_S.APPROVED, _S.MERGING, _S.DONE})
_BLOCKED_FOR = "blocked_for"
_DEPENDENCIES = "dependencies"


def resource_of(task_id: str) -> str:
    """What whoever works on a task leases."""
    return f"task:{task_id}"


def unmet(view: View, task: Task) -> Mapping[str, TaskStatus]:
    """The dependencies that are not done, each with its state."""
    found = (view.task(task_id) for task_id in task.depends_on)
    return {one.id: one.status for one in found if one is not None and one.status is not _S.DONE}


def stand(view: View, task: Task) -> Standing:
    """Where it stands now. Asks for leases and dependencies only where they matter."""
    return standing(task, _lease_on(view, task) if task.status in STARTS else None, unmet(view, task))


def tag_of(task: Task, shown: Standing) -> str:
    """The etag of a task with its standing: the task's own, and a mark after a dot as long as leases or
    other tasks make it stand elsewhere than it would by itself."""
    if task.status not in STARTS and not shown.blocked_by:
        return task.etag
    return f'{task.etag[:-1]}.{digest_of(shown.document()):016x}"'


def check_dependencies(
    view: View, task_id: str | None, depends_on: Sequence[str], projects: frozenset[str] | None
) -> None:
    """Raise DependencyNotFound for one that does not exist or is in none of `projects` (None: all), and
    DependencyCycle when the task would wait for itself; a task that is yet to be made has no id."""
    for wanted in depends_on:
        found = view.task(wanted)
        if found is None or (projects is not None and found.project_id not in projects):
            raise DependencyNotFound(
                f"depends_on names {wanted}, which is not there: name tasks that exist.",
                field="depends_on",
                task_id=wanted,
            )
    if task_id is not None and (path := _way_back(view, task_id, depends_on)):
        raise DependencyCycle(
            f"{task_id} would wait for itself ({' → '.join(path)}): leave one of these out.",
            field="depends_on",
            path=path,
        )


def check_checklist(task: Task, to: TaskStatus) -> None:
    """Raise ChecklistOpen when the task, being `to`, must have its whole checklist done and has not."""
    still_open = [item.text for item in task.checklist if not item.done]
    if to in NEEDS_CHECKLIST and still_open:
        raise ChecklistOpen(
            f"{task.id} cannot be {to} while its checklist has open items: {'; '.join(still_open)}.",
            task_id=task.id,
            open=still_open,
        )


def move_on(board: Board, task: Task, to: TaskStatus, actor: str, note: str) -> Task:
    """Move it as the table, its dependencies and its checklist allow, and free what waited for it. Asks
    nobody about leases. Raises MoveRefused, DependenciesUnmet, ChecklistOpen."""
    TASK_MOVES.check(task.status, to)
    check_checklist(task, to)
    waits_for = unmet(board, task) if to in STARTS or to is _S.BLOCKED else {}
    if waits_for and to in STARTS:
        raise DependenciesUnmet(
            f"{task.id} cannot be {to} before what it depends on is done: {', '.join(waits_for)}.",
            task_id=task.id,
            blocked_by=list(waits_for),
        )
    moved = _put_moved(board, task, to, actor, note, blocked_for=_DEPENDENCIES if waits_for else None)
    if to is _S.DONE:
        _free(board, moved, actor)
    return moved


def free_if_ready(board: Board, task: Task, by: str, actor: str) -> Task:
    """Tell that nothing holds the task back any more, if so; when it was blocked for that alone, queue it.
    `by` is what held it back last."""
    if task.status in (_S.DONE, _S.CANCELLED) or unmet(board, task):
        return task
    board.tell(task_freed(task, by, actor))
    if task.status is not _S.BLOCKED or task.facts.get(_BLOCKED_FOR) != _DEPENDENCIES:
        return task
    return _put_moved(board, task, _S.QUEUED, actor, f"no longer waits for {by}", blocked_for=None)


def _free(board: Board, done: Task, actor: str) -> None:
    for waiting in board.waiting_for(done.id):
        free_if_ready(board, waiting, done.id, actor)


def _put_moved(
    board: Board, task: Task, to: TaskStatus, actor: str, note: str, blocked_for: str | None
) -> Task:
    facts = {name: value for name, value in task.facts.items() if name != _BLOCKED_FOR}
    if blocked_for is not None:
        facts[_BLOCKED_FOR] = blocked_for
    moved = replace(task, status=to, facts=facts, version=task.version + 1, updated_at=to_text(board.now))
    board.put_task(moved)
    board.tell(task_moved(task, to, actor, note))
    return moved


def _lease_on(view: View, task: Task) -> Lease | None:
    return next((one for one in view.leases_on([resource_of(task.id)]) if one.is_live(view.now)), None)


def _way_back(view: View, task_id: str, depends_on: Sequence[str]) -> list[str]:
    """The shortest chain of dependencies from the task to itself; empty when there is none."""
    came_from: dict[str, str] = {}
    rim = [(task_id, wanted) for wanted in depends_on]
    while rim:
        further: list[tuple[str, str]] = []
        for before, here in rim:
            if here in came_from:
                continue
            came_from[here] = before
            if here == task_id:
                return _chain(came_from, task_id)
            found = view.task(here)
            further += [(here, wanted) for wanted in (found.depends_on if found else ())]
        rim = further
    return []


def _chain(came_from: Mapping[str, str], task_id: str) -> list[str]:
    chain = [task_id]
    while (before := came_from[chain[0]]) != task_id:
        chain.insert(0, before)
    return [task_id, *chain]
