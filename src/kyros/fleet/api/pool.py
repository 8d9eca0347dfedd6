"""POST /api/execute and GET /api/pool/health, field for field as the origin of Kyros had them."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Annotated, TypeVar

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from kyros.auth.api import Caller
from kyros.auth.model import Principal, Right, require, require_somewhere
from kyros.fleet.model import IN_USE, ExecutionState, SessionRow
from kyros.fleet.ports import Drift, Sessions
from kyros.fleet.service import Counter
from kyros.kernel.clock import Clock, from_text
from kyros.kernel.errors import Busy

T = TypeVar("T")


class CallerGone(Busy):
    """Whoever asked has hung up; nobody reads this."""

    code = "caller_gone"


class ExecuteRequest(BaseModel):
    """`cwd` is a folder below the home's worktrees or shared; without it an empty one is made."""

    model_config = ConfigDict(extra="forbid")

    prompt: Annotated[str, StringConstraints(min_length=1, max_length=200_000)]
    timeoutMs: Annotated[int, Field(ge=1, le=86_400_000, strict=True)] = 300_000  # noqa: N815 - the contract's
    profile: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = None
    cwd: Annotated[str, StringConstraints(min_length=1, max_length=4_000)] | None = None
    queueMs: Annotated[int, Field(ge=0, le=86_400_000, strict=True)] | None = None  # noqa: N815


class ExecutionView(BaseModel):
    """`output` is what the agent said; where it said nothing, why it ended. `turn_id` is null when it could
    not be started."""

    success: bool
    output: str
    timeout: bool
    turn_id: str | None


class PoolWorkerView(BaseModel):
    """One session. `currentTask` is the run or execution it serves, `idle` the seconds it has waited,
    `restarts` how often a program of its kind had to be started anew."""

    id: str
    profile: str
    busy: bool
    ready: bool
    currentTask: str | None  # noqa: N815 - the contract's
    idle: int
    restarts: int


class FindingView(BaseModel):
    """What does not agree and was left alone. `kind` and `subject` name it."""

    kind: str
    subject: str
    note: str
    project_id: str | None
    found_at: str


class DriftView(BaseModel):
    """Everything that was found and is still so."""

    items: list[FindingView]


class PoolHealthView(BaseModel):
    """`status` is `running`, or `stopped` while no worker has a pool; `uptime` in seconds."""

    status: str
    workers: list[PoolWorkerView]
    queued: int
    uptime: float


def pool_router(
    *,
    counter: Counter,
    sessions: Sessions,
    drift: Drift,
    has_worker: Callable[[], Awaitable[bool]],
    clock: Clock,
) -> APIRouter:
    router = APIRouter(prefix="/api", tags=["pool"])
    began = time.monotonic()

    @router.post("/execute")
    async def execute(body: ExecuteRequest, request: Request, principal: Caller) -> ExecutionView:
        """Answers when it is over. Nobody free within `queueMs`: 503 with Retry-After, and it never runs.
        Whoever hangs up stops it."""
        require(principal, Right.OPERATE)
        asking = counter.execute(
            body.prompt, body.timeoutMs, principal.name, body.profile, body.cwd, body.queueMs
        )
        done = await _while_there(request, asking)
        return ExecutionView(
            success=done.state is ExecutionState.DONE,
            output=done.output or done.note,
            timeout=done.state is ExecutionState.TIMED_OUT,
            turn_id=done.turn_id,
        )

    @router.get("/pool/health")
    async def health(principal: Caller) -> PoolHealthView:
        """The sessions of every worker that one may see: those of one's projects."""
        require_somewhere(principal, Right.READ)
        rows = [row for row in await sessions.live() if _may_see(principal, row)]
        return PoolHealthView(
            status="running" if await has_worker() else "stopped",
            workers=[_worker_view(row, clock) for row in rows],
            queued=await counter.queued(),
            uptime=round(time.monotonic() - began, 3),
        )

    @router.get("/fleet/drift")
    async def get_drift(principal: Caller) -> DriftView:
        """What the reconciler found and did not mend, oldest first; of one's projects."""
        require_somewhere(principal, Right.READ)
        found = [one for one in await drift.all() if principal.may(Right.READ, one.project_id)]
        return DriftView(items=[FindingView(**asdict(one)) for one in found])

    return router


async def _while_there(request: Request, asking: Awaitable[T]) -> T:
    """What `asking` brings. Raises CallerGone, with `asking` cancelled, when the caller hangs up."""
    working, leaving = asyncio.ensure_future(asking), asyncio.create_task(_gone(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise CallerGone("The caller hung up; the execution was stopped.")
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _may_see(principal: Principal, row: SessionRow) -> bool:
    return principal.may(Right.READ, row.project_id)


def _worker_view(row: SessionRow, clock: Clock) -> PoolWorkerView:
    is_busy = row.standing in IN_USE
    waited = (clock() - from_text(row.used_at)).total_seconds()
    return PoolWorkerView(
        id=row.id,
        profile=row.profile,
        busy=is_busy,
        ready=row.ready_at is not None,
        currentTask=row.current_task,
        idle=0 if is_busy else max(0, int(waited)),
        restarts=row.restarts,
    )
