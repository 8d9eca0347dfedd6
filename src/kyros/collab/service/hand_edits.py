"""What may be changed by hand in a state file: the same rules as at the doors, written by `file`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kyros.auth.ports import Tokens
from kyros.collab.errors import StateFileRefused
from kyros.collab.model import HandEdit, HandItem, Kind, Task, TaskChange, TaskStatus, Writer
from kyros.collab.model.hand_fields import AgentFields, NewTaskFields, TaskFields, read_fields
from kyros.collab.model.registry import PRESENCE, settings_tag
from kyros.collab.ports import Board
from kyros.collab.service import agents
from kyros.collab.service.tasks import create, get, patch, transition

FILE = "file"
"""The actor of what was edited by hand: whoever may write the home."""

_BY_HAND = "edited by hand"
_OURS_OF_A_TASK = ("id", "project_id", "created_at", "updated_at", "version", "facts")
_OURS_OF_AN_AGENT = ("name", "created_at", "updated_at", "version")
_MADE_ANEW = ("created_at", "updated_at", "version", "facts")


class HandEdits:
    """A ports.TakeEdit. `tokens`: an agent's counts in the projects it was given by hand."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def __call__(self, board: Board, edit: HandEdit) -> None:
        match edit.kind:
            case Kind.TASKS:
                _take_tasks(board, edit)
            case Kind.AGENTS:
                for item in edit.changed:
                    _take_agent(board, item, self._tokens)
            case Kind.LOCKS:
                raise StateFileRefused("leases are taken and given back through the API, never by hand")


@dataclass(frozen=True)
class _TaskEdit:
    task_id: str
    change: TaskChange
    status: TaskStatus | None


def _take_tasks(board: Board, edit: HandEdit) -> None:
    """New ones first, for others may wait for them; moves last: a checklist may have to be ticked first."""
    if not edit.complete:
        raise StateFileRefused(
            "a task was taken out, or an etag line changed: tasks are cancelled, never removed, "
            "and a new task has neither id nor etag"
        )
    known = [(item, _known(board, item)) for item in edit.changed]
    edits = [made for item, task in known if task is not None and (made := _edit(item, task)) is not None]
    for item, task in known:
        if task is None:
            _add_task(board, item)
    for made in edits:
        patch(board, get(board, made.task_id), made.change, Writer(FILE))
    for made in edits:
        if made.status is not None:
            transition(board, get(board, made.task_id), made.status, Writer(FILE), _BY_HAND)


def _known(board: Board, item: HandItem) -> Task | None:
    name = item.fields.get("id")
    return board.task(name) if isinstance(name, str) else None


def _edit(item: HandItem, task: Task) -> _TaskEdit | None:
    """What it changes; None when the task is like that already."""
    changed = _changed(item, task.document())
    if not changed:
        return None
    _check_current(item, task.id, task.etag)
    _check_ours(task.id, changed, _OURS_OF_A_TASK)
    said = read_fields(TaskFields, changed, task.id)
    return _TaskEdit(task.id, said.change(), said.status if "status" in changed else None)


def _add_task(board: Board, item: HandItem) -> None:
    """Times and version may have been copied from another with the rest: they are made anew."""
    given = {key: value for key, value in item.fields.items() if key not in _MADE_ANEW}
    name = str(given.get("id") or given.get("title") or "a new task")
    said = read_fields(NewTaskFields, given, name)
    if said.status is not TaskStatus.QUEUED:
        raise StateFileRefused(f"{name}: a new task is queued, not {said.status}")
    create(board, said.wanted(), FILE)


def _take_agent(board: Board, item: HandItem, tokens: Tokens) -> None:
    name = str(item.fields["name"])
    agent = board.agent(name)
    if agent is None:
        raise StateFileRefused(f"there is no agent {name}: `kyros agent register {name}` gives it its token")
    changed = {key: value for key, value in _changed(item, agent.document()).items() if key not in PRESENCE}
    if not changed:
        return
    _check_current(item, name, settings_tag(agent))
    _check_ours(name, changed, _OURS_OF_AN_AGENT)
    said = read_fields(AgentFields, changed, name)
    agent = agents.change(board, agent, said.change(), FILE, tokens)
    if "available" in changed:
        agents.set_available(board, agent, said.available, FILE)


def _changed(item: HandItem, known: Mapping[str, object]) -> dict[str, Any]:
    return {key: value for key, value in item.fields.items() if key not in known or value != known[key]}


def _check_current(item: HandItem, name: str, etag: str) -> None:
    if item.tag is None or f'"{item.tag}"' != etag:
        raise StateFileRefused(
            f"{name} has changed since the file was read, or its id is taken: edit it again as it is now"
        )


def _check_ours(name: str, changed: Mapping[str, Any], ours: Sequence[str]) -> None:
    for field in ours:
        if field in changed:
            raise StateFileRefused(f"{name}: {field} is Kyros' own, leave it as it is")
