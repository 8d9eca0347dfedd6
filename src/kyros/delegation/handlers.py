"""The engine's doors into delegation: look at a run, tidy up after it, sweep."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from kyros.collab.errors import LeaseHeld
from kyros.collab.service.leases import Leases
from kyros.delegation.errors import RunNotFound
from kyros.delegation.model import ENDED
from kyros.delegation.ports import RunStore
from kyros.delegation.service import Pulls, Walker
from kyros.engine.model import Again, NewJob
from kyros.engine.ports import Handler, Queue
from kyros.fleet.model import ApprovalQuery, ApprovalState
from kyros.fleet.ports import Approvals, Machine, Worktrees
from kyros.fleet.service import Limits, Retention
from kyros.infra.telemetry import get_log

_SOON_SECONDS = 1.0
_LATER_SECONDS = 60.0
_HOLD_SECONDS = 15.0
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
    holder: str,
    sweep_seconds: float,
    reconcile: Callable[[], Awaitable[None]] | None = None,
) -> Mapping[str, Handler]:
    """Handlers by job name. `delegation.sweep` calls itself again for ever."""

    async def look(payload: Mapping[str, Any]) -> Again | None:
        return await walker.look(payload["run_id"])

    async def put_away(run_id: str) -> None:
        await worktrees.give_back(run_id)
        await machine.forget(run_id)

    async def tidy(payload: Mapping[str, Any]) -> Again | None:
        is_done = await _unless_worked_on(payload["run_id"], leases, f"{holder}/tidy", put_away)
        return None if is_done else Again(_SOON_SECONDS)

    sweeper = _Sweeper(
        runs, approvals, pulls, leases, worktrees, machine, queue, retention, f"{holder}/sweep", reconcile
    )

    async def sweep(payload: Mapping[str, Any]) -> Again:
        await sweeper.sweep()
        await limits.wake()
        return Again(sweep_seconds)

    return {"delegation.run": look, "delegation.tidy": tidy, "delegation.sweep": sweep}


class _Sweeper:
    """Finds what a crash or a lost nudge left lying: runs, merges, processes, worktrees."""

    def __init__(
        self,
        runs: RunStore,
        approvals: Approvals,
        pulls: Pulls,
        leases: Leases,
        worktrees: Worktrees,
        machine: Machine,
        queue: Queue,
        retention: Retention,
        holder: str,
        reconcile: Callable[[], Awaitable[None]] | None,
    ) -> None:
        self._reconcile = reconcile
        self._runs = runs
        self._approvals = approvals
        self._pulls = pulls
        self._leases = leases
        self._worktrees = worktrees
        self._machine = machine
        self._queue = queue
        self._retention = retention
        self._holder = holder
        self._delay_seconds = 0.1

    async def sweep(self) -> None:
        """A part that breaks keeps neither the others from their work nor the next sweep from coming."""
        parts: list[Callable[[], Awaitable[None]]] = [
            self._look_at_all, self._pulls.reconcile, self._stop_orphans, self._withdraw, self._take_back,
            self._let_go,
        ]  # fmt: skip
        if self._reconcile is not None:
            parts.append(self._reconcile)
        for part in parts:
            try:
                await part()
            except Exception as error:
                get_log("kyros.delegation").error(
                    "a part of the sweep broke", part=getattr(part, "__name__", ""), exc_info=error
                )

    async def _look_at_all(self) -> None:
        """Soon at a worker's start, to take over from the dead; later on no backoff is cut short."""
        delay, self._delay_seconds = self._delay_seconds, _LATER_SECONDS
        for run_id in await self._runs.unfinished():
            await self._queue.enqueue(NewJob("delegation.run", {"run_id": run_id}, f"run:{run_id}", delay))

    async def _stop_orphans(self) -> None:
        for owner in await self._machine.owners():
            await _unless_worked_on(owner, self._leases, self._holder, self._machine.stop_all_of)

    async def _withdraw(self) -> None:
        """What the agents of dead workers asked, nobody waits for."""
        pending = await self._approvals.page(ApprovalQuery(ApprovalState.PENDING, limit=_SWEPT))
        for run_id in {one.run_id for one in pending}:
            await _unless_worked_on(run_id, self._leases, self._holder, self._approvals.withdraw_all_of)

    async def _take_back(self) -> None:
        for run_id in await self._worktrees.lent():
            if await self._is_over(run_id):
                await _unless_worked_on(run_id, self._leases, self._holder, self._worktrees.give_back)

    async def _let_go(self) -> None:
        """Of recordings and transcripts that were kept for long enough."""
        await self._retention.sweep(self._has_ended)

    async def _has_ended(self, run_id: str) -> tuple[bool, str | None]:
        try:
            run = await self._runs.get(run_id)
        except RunNotFound:
            return True, None
        return run.status in ENDED, run.project_id

    async def _is_over(self, run_id: str) -> bool:
        try:
            run = await self._runs.get(run_id)
        except RunNotFound:
            return True
        return run.status in ENDED and run.pull_id is not None and await self._pulls.is_settled(run.pull_id)


async def _unless_worked_on(
    run_id: str, leases: Leases, holder: str, act: Callable[[str], Awaitable[object]]
) -> bool:
    """Whether it was done: a run or a session that somebody holds is left alone."""
    resource = f"{'session' if run_id.startswith('session_') else 'run'}:{run_id}"
    try:
        await leases.acquire([resource], holder, _HOLD_SECONDS)
    except LeaseHeld:
        return False
    try:
        await act(run_id)
    finally:
        await leases.release(holder, [resource])
    return True
