"""Tasks over HTTP, under /api/collab/tasks."""

from collections.abc import Sequence
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query
from starlette.responses import Response

from kyros.auth.model import Principal, Right, require
from kyros.collab.api.conditional import (
    FencingToken,
    IfMatch,
    IfNoneMatch,
    merge_patch_of,
    not_modified,
    tagged,
)
from kyros.collab.api.doorway import Caller, Key, respond
from kyros.collab.api.task_bodies import (
    Changed,
    TaskCreated,
    TaskListQuery,
    TaskMoved,
    TaskPage,
    TaskPatchRequest,
    TaskRequest,
    TaskView,
    TransitionRequest,
)
from kyros.collab.model import Fence, Task, TaskStatus, Writer
from kyros.collab.ports import Board, CollabStore, View
from kyros.collab.service import tasks
from kyros.collab.service.backlog import resource_of
from kyros.collab.service.once import answered
from kyros.collab.service.tasks import Moved, Shown
from kyros.kernel.answers import Answer

_KNOWN: dict[int | str, dict[str, Any]] = {304: {"description": "You have it."}}


def tasks_router(store: CollabStore) -> APIRouter:
    router = APIRouter(prefix="/api/collab/tasks", tags=["collab"])
    _add_reading(router, store)
    _add_writing(router, store)
    return router


def _add_reading(router: APIRouter, store: CollabStore) -> None:
    @router.get("", response_model=TaskPage)
    async def list_tasks(query: Annotated[TaskListQuery, Query()], principal: Caller) -> Response:
        """Newest first."""

        def read(view: View) -> list[Shown]:
            found = view.tasks(query.query(principal.visible_projects))
            return [tasks.shown(view, task) for task in found]

        return _page(await store.read(read), query.limit)

    @router.get("/{task_id}", response_model=TaskView, responses=_KNOWN)
    async def get_task(task_id: str, principal: Caller, if_none_match: IfNoneMatch = None) -> Response:
        """One task and where it stands."""
        found = await store.read(lambda view: tasks.shown(view, _visible(view, task_id, principal)))
        return not_modified(found.etag, if_none_match) or respond(tagged(found.document(), found.etag))


def _add_writing(router: APIRouter, store: CollabStore) -> None:
    @router.post("", status_code=201, response_model=TaskCreated)
    async def create_task(body: TaskRequest, principal: Caller, once: Key) -> Response:
        """Queued; its etag comes as ETag, its address as Location."""
        require(principal, Right.TASKS, body.project_id)
        if body.id is not None:
            require(principal, Right.ADMIN)
        new, projects = body.task(), principal.visible_projects

        def work(board: Board) -> Shown:
            return tasks.shown(board, tasks.create(board, new, principal.name, projects))

        return respond(await answered(store, once, work, _created))

    @router.patch("/{task_id}", response_model=Changed, openapi_extra=merge_patch_of("TaskPatchRequest"))
    async def patch_task(
        task_id: str,
        body: TaskPatchRequest,
        principal: Caller,
        once: Key,
        if_match: IfMatch = None,
        fencing_token: FencingToken = None,
    ) -> Response:
        """Change what people set, on the version that If-Match names."""
        change, projects = body.change(), principal.visible_projects
        writer = _writer(principal, task_id, fencing_token)

        def work(board: Board) -> Shown:
            task = _writable(board, task_id, principal, Right.TASKS)
            tasks.match(board, task, if_match, projects)
            return tasks.patch(board, task, change, writer, projects)

        return respond(await answered(store, once, work, _changed))

    @router.post("/{task_id}/transition", response_model=TaskMoved)
    async def move_task(
        task_id: str, body: TransitionRequest, principal: Caller, once: Key, if_match: IfMatch = None
    ) -> Response:
        """Move it as its table allows. With If-Match, only from the version it names."""
        right = Right.REVIEW if body.to is TaskStatus.APPROVED else Right.TASKS
        writer = _writer(principal, task_id, body.fencing_token)

        def work(board: Board) -> Moved:
            task = _writable(board, task_id, principal, right)
            if if_match is not None:
                tasks.match(board, task, if_match, principal.visible_projects)
            return tasks.transition(board, task, body.to, writer, body.note)

        return respond(await answered(store, once, work, _moved))


def _visible(view: View, task_id: str, principal: Principal) -> Task:
    """Raises TaskNotFound also for a task of a project that is not theirs to read, in the same words."""
    task = view.task(task_id)
    if task is None or not principal.may(Right.READ, task.project_id):
        raise tasks.not_there(task_id)
    return task


def _writable(board: Board, task_id: str, principal: Principal, right: Right) -> Task:
    task = _visible(board, task_id, principal)
    require(principal, right, task.project_id)
    return task


def _writer(principal: Principal, task_id: str, token: int | None) -> Writer:
    if token is None:
        return Writer(principal.name)
    return Writer(principal.name, Fence(resource_of(task_id), principal.name, token))


def _page(found: Sequence[Shown], limit: int) -> Response:
    items = [one.document() for one in found[:limit]]
    further = found[limit - 1].task.id if len(found) > limit else None
    return Response(orjson.dumps({"items": items, "next_cursor": further}), media_type="application/json")


def _created(made: Shown) -> Answer:
    where = {"Location": f"/api/collab/tasks/{made.task.id}"}
    return tagged({"id": made.task.id}, made.etag, 201, where)


def _changed(found: Shown) -> Answer:
    return tagged({"ok": True, "etag": found.etag}, found.etag)


def _moved(moved: Moved) -> Answer:
    new = moved.now.task.status.value
    content = {"old_status": moved.old.value, "new_status": new, "etag": moved.now.etag}
    return tagged(content, moved.now.etag)
