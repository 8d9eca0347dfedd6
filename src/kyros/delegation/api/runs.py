"""Runs: look, follow, stop, retry."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import FileResponse
from sse_starlette import EventSourceResponse

from kyros.auth.api import Caller
from kyros.auth.model import Principal, Right, require
from kyros.collab.api.doorway import Key
from kyros.collab.api.task_bodies import BudgetRequest
from kyros.collab.model import Budget
from kyros.delegation.api.following import Following
from kyros.delegation.api.log import follow_log
from kyros.delegation.api.present import Presenter, entry_view, steps_of, turn_view
from kyros.delegation.api.pulls import Cursor, Diff, Limit
from kyros.delegation.api.views import EntryView, Page, RunView, StepView, TurnView
from kyros.delegation.errors import no_run
from kyros.delegation.model import Run, RunStatus
from kyros.delegation.ports import RunStore
from kyros.delegation.service import Delegations
from kyros.fleet.api.seen import named_project, require_or_hide, seen
from kyros.fleet.ports import RecordingFiles, TranscriptFiles, Turns
from kyros.forge.ports import Forge
from kyros.kernel.errors import NotFound


class RecordingNotFound(NotFound):
    code = "recording_not_found"


class RecordingGone(NotFound):
    """It was kept for long enough."""

    code = "recording_gone"


def _check_kept(recordings: RecordingFiles, run_id: str) -> None:
    """Raises RecordingGone where a sweep took the files and no turn has written since."""
    since = recordings.gone_since(run_id)
    if since is not None and recordings.path_of(run_id) is None:
        raise RecordingGone(
            f"Recording and transcript of {run_id} are gone by retention since {since}: its turns' figures "
            "stay. KYROS_KEEP_RECORDINGS_DAYS and KYROS_KEEP_RECORDINGS_BYTES say how long they are kept.",
            gone_since=since,
        )


def runs_router(
    *,
    delegations: Delegations,
    runs: RunStore,
    forge: Forge,
    turns: Turns,
    recordings: RecordingFiles,
    following: Following,
    transcripts: TranscriptFiles,
    presenter: Presenter,
) -> APIRouter:
    router = APIRouter(prefix="/api/runs", tags=["runs"])

    allowed = partial(_allowed, delegations)

    @router.get("")
    async def list_runs(
        principal: Caller,
        status: RunStatus | None = None,
        project: str | None = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[RunView]:
        """Newest first, of the projects one may read."""
        project_id = (await named_project(forge, principal, Right.READ, project)).id if project else None
        found = await seen(
            principal, project_id, limit + 1, lambda one: runs.page(status, one, cursor, limit + 1)
        )
        items = [await presenter.run(run) for run in found[:limit]]
        return Page(items=items, next_cursor=items[-1].id if len(found) > limit else None)

    @router.get("/{run_id}")
    async def get_run(run_id: str, principal: Caller) -> RunView:
        return await presenter.run(await allowed(principal, Right.READ, run_id))

    @router.get("/{run_id}/steps")
    async def get_steps(run_id: str, principal: Caller) -> Page[StepView]:
        return Page(items=steps_of((await allowed(principal, Right.READ, run_id)).steps))

    @router.get("/{run_id}/turns")
    async def get_turns(run_id: str, principal: Caller) -> Page[TurnView]:
        await allowed(principal, Right.READ, run_id)
        return Page(items=[turn_view(turn) for turn in await turns.of_run(run_id)])

    @router.get("/{run_id}/diff", response_class=Diff)
    async def get_diff(run_id: str, principal: Caller) -> Diff:
        run = await allowed(principal, Right.READ, run_id)
        return Diff(await forge.diff(run.pull_id) if run.pull_id else "")

    @router.get("/{run_id}/log", response_class=EventSourceResponse)
    async def get_log(
        run_id: str,
        principal: Caller,
        after: Annotated[int, Query(ge=0)] = 0,
        last_event_id: Annotated[int | None, Header(ge=0)] = None,
    ) -> EventSourceResponse:
        """Server-sent: `size`, then `output` (base64 of terminal bytes; its id resumes), then `end`."""
        await allowed(principal, Right.READ, run_id)
        _check_kept(recordings, run_id)
        offset = last_event_id if last_event_id is not None else after
        return EventSourceResponse(follow_log(following, run_id, offset), ping=15)

    _add_traces(router, allowed, recordings, transcripts)
    _add_acts(router, delegations, presenter)
    return router


def _add_traces(
    router: APIRouter,
    allowed: Callable[[Principal, Right, str], Awaitable[Run]],
    recordings: RecordingFiles,
    transcripts: TranscriptFiles,
) -> None:
    """What its turns left: recording and transcript."""

    @router.get("/{run_id}/recording", response_class=FileResponse)
    async def get_recording(run_id: str, principal: Caller) -> FileResponse:
        """The whole recording as asciicast v2."""
        await allowed(principal, Right.READ, run_id)
        _check_kept(recordings, run_id)
        path = recordings.path_of(run_id)
        if path is None:
            raise RecordingNotFound(f"No agent has worked on {run_id} yet, so there is nothing recorded.")
        return FileResponse(path, media_type="application/x-asciicast", filename=f"{run_id}.cast")

    @router.get("/{run_id}/transcript")
    async def get_transcript(
        run_id: str,
        principal: Caller,
        after: Annotated[int, Query(ge=0, le=2**53)] = 0,
        limit: Limit = 50,
        turn: Annotated[str | None, Query(max_length=100)] = None,
    ) -> Page[EntryView]:
        """What was said and done, oldest first; `next_cursor` is the next page's `after`."""
        await allowed(principal, Right.READ, run_id)
        _check_kept(recordings, run_id)
        lines = await asyncio.to_thread(transcripts.read, run_id, after, limit + 1, turn)
        following = str(lines[limit - 1].seq) if len(lines) > limit else None
        return Page(items=[entry_view(line) for line in lines[:limit]], next_cursor=following)


def _add_acts(router: APIRouter, delegations: Delegations, presenter: Presenter) -> None:
    """Stop and retry."""

    @router.post("/{run_id}/stop")
    async def stop_run(run_id: str, principal: Caller) -> RunView:
        """Idempotent; the run is `cancelled` once everything it started has ended."""
        await _allowed(delegations, principal, Right.OPERATE, run_id)
        return await presenter.run(await delegations.stop(run_id, principal.name))

    @router.post("/stop-all")
    async def stop_all(principal: Caller) -> Page[RunView]:
        """Every run, execution and session kept ready, wherever they are. What is asked for later starts as
        ever."""
        require(principal, Right.OPERATE)
        return Page(items=[await presenter.run(run) for run in await delegations.stop_all(principal.name)])

    @router.post("/{run_id}/retry")
    async def retry_run(run_id: str, principal: Caller) -> RunView:
        await _allowed(delegations, principal, Right.OPERATE, run_id)
        return await presenter.run(await delegations.retry(run_id, principal.name))

    @router.post("/{run_id}/budget")
    async def grant_budget(run_id: str, body: BudgetRequest, principal: Caller, once: Key = None) -> RunView:
        """So much more than it has used or may use by now; if it waits for that, it goes on. Each call adds;
        409 `budget_reached` where another budget holds it up."""
        await _allowed(delegations, principal, Right.OPERATE, run_id)
        more = Budget(**body.model_dump())
        return await presenter.run(await delegations.grant(run_id, more, principal.name, once))


async def _allowed(delegations: Delegations, principal: Principal, right: Right, run_id: str) -> Run:
    """Raises RunNotFound, NotAllowed."""
    run = await delegations.run(run_id)
    require_or_hide(principal, right, run.project_id, no_run(run_id))
    return run
