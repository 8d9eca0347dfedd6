"""Runs: look, follow, stop, retry."""

from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import FileResponse
from sse_starlette import EventSourceResponse

from kyros.delegation.api.actor import Actor
from kyros.delegation.api.log import follow_log
from kyros.delegation.api.present import Presenter, steps_of, turn_view
from kyros.delegation.api.pulls import Cursor, Diff, Limit
from kyros.delegation.api.views import Page, RunView, StepView, TurnView
from kyros.delegation.model import RunStatus
from kyros.delegation.ports import RunStore
from kyros.delegation.service import Delegations
from kyros.engine.ports import Bus
from kyros.fleet.ports import RecordingFiles, Turns
from kyros.forge.ports import Forge
from kyros.kernel.errors import NotFound


class RecordingNotFound(NotFound):
    code = "recording_not_found"


def runs_router(
    *,
    delegations: Delegations,
    runs: RunStore,
    forge: Forge,
    turns: Turns,
    recordings: RecordingFiles,
    bus: Bus,
    presenter: Presenter,
) -> APIRouter:
    router = APIRouter(prefix="/api/runs", tags=["runs"])

    @router.get("")
    async def list_runs(
        status: RunStatus | None = None,
        project: str | None = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[RunView]:
        """Newest first."""
        project_id = (await forge.project(project)).id if project else None
        found = await runs.page(status, project_id, cursor, limit + 1)
        items = [await presenter.run(run) for run in found[:limit]]
        return Page(items=items, next_cursor=items[-1].id if len(found) > limit else None)

    @router.get("/{run_id}")
    async def get_run(run_id: str) -> RunView:
        return await presenter.run(await delegations.run(run_id))

    @router.get("/{run_id}/steps")
    async def get_steps(run_id: str) -> Page[StepView]:
        return Page(items=steps_of((await delegations.run(run_id)).steps))

    @router.get("/{run_id}/turns")
    async def get_turns(run_id: str) -> Page[TurnView]:
        await delegations.run(run_id)
        return Page(items=[turn_view(turn) for turn in await turns.of_run(run_id)])

    @router.get("/{run_id}/diff", response_class=Diff)
    async def get_diff(run_id: str) -> Diff:
        run = await delegations.run(run_id)
        return Diff(await forge.diff(run.pull_id) if run.pull_id else "")

    @router.get("/{run_id}/log", response_class=EventSourceResponse)
    async def get_log(
        run_id: str,
        after: Annotated[int, Query(ge=0)] = 0,
        last_event_id: Annotated[int | None, Header(ge=0)] = None,
    ) -> EventSourceResponse:
        """Server-sent: `size`, then `output` (base64 of terminal bytes; its id resumes), then `end`."""
        await delegations.run(run_id)
        offset = last_event_id if last_event_id is not None else after
        return EventSourceResponse(follow_log(run_id, offset, runs, recordings, bus), ping=15)

    @router.get("/{run_id}/recording", response_class=FileResponse)
    async def get_recording(run_id: str) -> FileResponse:
        """The whole recording as asciicast v2."""
        await delegations.run(run_id)
        path = recordings.path_of(run_id)
        if path is None:
            raise RecordingNotFound(f"No agent has worked on {run_id} yet, so there is nothing recorded.")
        return FileResponse(path, media_type="application/x-asciicast", filename=f"{run_id}.cast")

    @router.post("/{run_id}/stop")
    async def stop_run(run_id: str, actor: Actor) -> RunView:
        """Idempotent; the run is `cancelled` once everything it started has ended."""
        return await presenter.run(await delegations.stop(run_id, actor))

    @router.post("/stop-all")
    async def stop_all(actor: Actor) -> Page[RunView]:
        return Page(items=[await presenter.run(run) for run in await delegations.stop_all(actor)])

    @router.post("/{run_id}/retry")
    async def retry_run(run_id: str, actor: Actor) -> RunView:
        return await presenter.run(await delegations.retry(run_id, actor))

    return router
