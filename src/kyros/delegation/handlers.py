"""The engine's doors into delegation: look at a run, tidy up after it, sweep."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from kyros.collab.service.leases import Leases
from kyros.delegation.errors import RunNotFound
from kyros.delegation.model import ENDED
from kyros.delegation.ports import RunStore
from kyros.delegation.service import Pulls, Walker
from kyros.engine.model import Again, NewJob
from kyros.engine.ports import Handler, Queue
from kyros.fleet.model import ApprovalQuery, ApprovalState
from kyros.fleet.ports import Approvals, Machine, Worktrees
from kyros.fleet.service import Limits, Reconciler, Retention, resource_of, unless_held
from kyros.infra.telemetry import get_log

_SOON_SECONDS = 1.0
_LATER_SECONDS = 60.0
_SWEPT = 200


def delegation_handlers(
    *,
    walker: Walker,
    runs: RunStore,
    approvals: Approvals,
    pulls: Pulls,
    leases: Leases,
    worktrees: Worktrees,
    machine: Machine,
    queue: Queue,
    retention: Retention,
    limits: Limits,
    reconciler: Reconciler,
    holder: str,
    sweep_seconds: float,
) -> Mapping[str, Handler]:
    """Handlers by job name. `delegation.sweep` calls itself again for ever."""

    async def look(payload: Mapping[str, Any]) -> Again | None:
        return await walker.look(payload["run_id"])

    async def put_away(run_id: str) -> None:
        await worktrees.give_back(run_id)
        await machine.forget(run_id)

    async def tidy(payload: Mapping[str, Any]) -> Again | None:
        run_id = payload["run_id"]
        is_done = await unless_held(leases, f"{holder}/tidy", resource_of(run_id), lambda: put_away(run_id))
        return None if is_done else Again(_SOON_SECONDS)

    sweeper = _Sweeper(
        runs, approvals, pulls, leases, worktrees, queue, retention, limits, reconciler, f"{holder}/sweep"
    )

    async def sweep(payload: Mapping[str, Any]) -> Again:
        await sweeper.sweep()
        return Again(sweep_seconds)

    return {"delegation.run": look, "delegation.tidy": tidy, "delegation.sweep": sweep}


class _Sweeper:
    """Finds what a crash or a lost nudge left lying: runs, merges, worktrees; the reconciler the rest."""

    def __init__(
        self,
        runs: RunStore,
        approvals: Approvals,
        pulls: Pulls,
        leases: Leases,
        worktrees: Worktrees,
        queue: Queue,
        retention: Retention,
        limits: Limits,
        reconciler: Reconciler,
        holder: str,
    ) -> None:
        self._runs = runs
        self._approvals = approvals
        self._pulls = pulls
        self._leases = leases
        self._worktrees = worktrees
        self._queue = queue
        self._retention = retention
        self._limits = limits
        self._reconciler = reconciler
        self._holder = holder
        self._delay_seconds = 0.1

    async def sweep(self) -> None:
        """A part that breaks keeps neither the others from their work nor the next sweep from coming."""
        parts: list[Callable[[], Awaitable[None]]] = [
            self._look_at_all, self._pulls.reconcile, self._reconciler.reconcile, self._withdraw,
            self._take_back, self._let_go, self._limits.wake,
        ]  # fmt: skip
        for part in parts:
            await self._try(getattr(part, "__name__", ""), part)

    async def _try(self, part: str, work: Callable[[], Awaitable[object]]) -> None:
        try:
            await work()
        except Exception as error:
            get_log("kyros.delegation").error("a part of the sweep broke", part=part, exc_info=error)

    async def _unless_worked_on(self, run_id: str, act: Callable[[str], Awaitable[object]]) -> None:
        """One that breaks keeps the others from nothing."""
        resource = resource_of(run_id)
        work = partial(unless_held, self._leases, self._holder, resource, partial(act, run_id))
        await self._try(resource, work)

    async def _look_at_all(self) -> None:
        """Soon at a worker's start, to take over from the dead; later on no backoff is cut short."""
        delay, self._delay_seconds = self._delay_seconds, _LATER_SECONDS
        for run_id in await self._runs.unfinished():
            await self._queue.enqueue(NewJob("delegation.run", {"run_id": run_id}, f"run:{run_id}", delay))

    async def _withdraw(self) -> None:
        """What the agents of dead workers asked, nobody waits for."""
        pending = await self._approvals.page(ApprovalQuery(ApprovalState.PENDING, limit=_SWEPT))
        for run_id in {one.run_id for one in pending}:
            await self._unless_worked_on(run_id, self._approvals.withdraw_all_of)

    async def _take_back(self) -> None:
        for run_id in await self._worktrees.lent():
            if await self._is_over(run_id):
                await self._unless_worked_on(run_id, self._worktrees.give_back)

    async def _let_go(self) -> None:
        """Of recordings and transcripts that were kept for long enough."""
        await self._retention.sweep(self._has_ended)

    async def _has_ended(self, run_id: str) -> tuple[bool, str | None]:
        try:
            run = await self._runs.get(run_id)
        except RunNotFound:  # an execution, or nothing
            return await self._reconciler.has_ended(run_id), None
        return run.status in ENDED, run.project_id

    async def _is_over(self, run_id: str) -> bool:
        try:
            run = await self._runs.get(run_id)
        except RunNotFound:
            return True
        return run.status in ENDED and run.pull_id is not None and await self._pulls.is_settled(run.pull_id)
