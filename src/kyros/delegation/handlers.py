"""The engine's doors into delegation: look at a run, tidy up after it, sweep."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from kyros.collab.errors import LeaseHeld
from kyros.collab.ports import LeaseStore
from kyros.delegation.errors import RunNotFound
from kyros.delegation.model import ENDED
from kyros.delegation.ports import RunStore
from kyros.delegation.service import Pulls, Walker
from kyros.engine.model import Again, NewJob
from kyros.engine.ports import Handler, Queue
from kyros.fleet.ports import Machine, Worktrees


def delegation_handlers(
    *,
    walker: Walker,
    runs: RunStore,
    pulls: Pulls,
    leases: LeaseStore,
    worktrees: Worktrees,
    machine: Machine,
    queue: Queue,
    holder: str,
    sweep_seconds: float,
) -> Mapping[str, Handler]:
    """Handlers by job name. `delegation.sweep` calls itself again for ever."""

    async def look(payload: Mapping[str, Any]) -> Again | None:
        return await walker.look(payload["run_id"])

    async def tidy(payload: Mapping[str, Any]) -> None:
        await worktrees.give_back(payload["run_id"])

    async def sweep(payload: Mapping[str, Any]) -> Again:
        for run_id in await runs.unfinished():
            await queue.enqueue(NewJob("delegation.run", {"run_id": run_id}, f"run:{run_id}", 0.5))
        await pulls.reconcile()
        for owner in await machine.owners():
            await _unless_worked_on(owner, machine.stop_all_of)
        for run_id in await worktrees.lent():
            if await _is_over(run_id):
                await worktrees.give_back(run_id)
        return Again(sweep_seconds)

    async def _unless_worked_on(run_id: str, act: Callable[[str], Awaitable[object]]) -> None:
        try:
            await leases.acquire([f"run:{run_id}"], f"{holder}/sweep", 15)
        except LeaseHeld:
            return
        try:
            await act(run_id)
        finally:
            await leases.release(f"{holder}/sweep", [f"run:{run_id}"])

    async def _is_over(run_id: str) -> bool:
        try:
            run = await runs.get(run_id)
        except RunNotFound:
            return True
        return run.status in ENDED and run.pull_id is not None and await pulls.is_settled(run.pull_id)

    return {"delegation.run": look, "delegation.tidy": tidy, "delegation.sweep": sweep}
