"""Compares rows, leases, folders and branches; mends what is certain, reports the rest, touches nothing else.

Certain is what a lease proves: nobody works on a session, a run or an execution whose lease is free. The
reconciler takes that lease itself before it mends, so that nobody begins meanwhile. What no row knows is
never deleted: it is a finding.
"""

from collections.abc import Awaitable, Callable, Sequence

from kyros.collab.errors import LeaseHeld
from kyros.collab.service.leases import Leases
from kyros.fleet.errors import ExecutionNotFound
from kyros.fleet.model import EXECUTION_LOST, ExecutionState, Finding
from kyros.fleet.ports import Drift, Executions, Folders, Machine, Sessions, Worktrees
from kyros.kernel.clock import Clock, from_text, to_text

_HOLD_SECONDS = 60.0
_KEPT_ROWS = 2_000
_LATE_SECONDS = 60.0
_GONE = "its worker is gone"

Finder = Callable[[], Awaitable[Sequence[Finding]]]


class Reconciler:
    """`is_over` says of a run that it has ended, or is not there; `finders` look where other rooms know."""

    def __init__(
        self,
        *,
        sessions: Sessions,
        executions: Executions,
        drift: Drift,
        worktrees: Worktrees,
        folders: Folders,
        machine: Machine,
        leases: Leases,
        is_over: Callable[[str], Awaitable[bool]],
        finders: Sequence[Finder],
        clock: Clock,
        holder: str,
        report: Callable[[str, BaseException], None],
    ) -> None:
        self._sessions = sessions
        self._executions = executions
        self._drift = drift
        self._worktrees = worktrees
        self._folders = folders
        self._machine = machine
        self._leases = leases
        self._is_over = is_over
        self._finders = finders
        self._clock = clock
        self._holder = holder
        self._report = report
        self._stuck: list[Finding] = []

    async def reconcile(self) -> None:
        """Once over everything. Idempotent; what is at work is left alone, and what cannot be mended keeps
        nothing else from it: it is a finding."""
        self._stuck = []
        await self._stop_orphans()
        await self._end_sessions()
        await self._free_reserved()
        await self._end_executions()
        await self._close_turns()
        found = [one for finder in (self._missing_folders, *self._finders) for one in await finder()]
        stuck = {one.subject: one for one in self._stuck}  # one may be met in several places
        await self._drift.settle([*found, *stuck.values()], self._now())
        await self._sessions.prune(_KEPT_ROWS)

    async def has_ended(self, run_id: str) -> bool:
        """Of a run or an execution: it has, or is not there."""
        try:
            return (await self._executions.get(run_id)).is_over
        except ExecutionNotFound:
            return await self._is_over(run_id)

    async def _stop_orphans(self) -> None:
        for owner in await self._machine.owners():

            async def stop(owner: str = owner) -> None:
                await self._machine.stop_all_of(owner)

            await self._unless_held(resource_of(owner), stop)

    async def _end_sessions(self) -> None:
        for row in await self._sessions.live():

            async def end(session_id: str = row.id) -> None:
                await self._machine.stop_all_of(session_id)
                await self._worktrees.unreserve(session_id)
                await self._folders.remove(session_id)
                await self._sessions.end(session_id, _GONE, self._now())

            await self._unless_held(f"session:{row.id}", end)

    async def _free_reserved(self) -> None:
        """Folders of sessions that have no live row: cut off before it was written, or after it ended."""
        reserved = await self._worktrees.reserved()
        for session_id in await self._sessions.ended(reserved) if reserved else ():

            async def free(session_id: str = session_id) -> None:
                await self._worktrees.unreserve(session_id)

            await self._unless_held(f"session:{session_id}", free)

    async def _end_executions(self) -> None:
        for one in await self._executions.unfinished():
            late = (self._clock() - from_text(one.asked_at)).total_seconds() - one.queue_ms / 1000
            if one.state is ExecutionState.QUEUED:
                if late > _LATE_SECONDS:  # whoever asked is gone, or they would have called it off
                    note = "Nobody waits for it any more."
                    await self._executions.cancel_queued(one.id, note, self._now())
                continue

            async def lose(execution_id: str = one.id) -> None:
                if (await self._executions.get(execution_id)).state is ExecutionState.RUNNING:
                    await self._machine.stop_all_of(execution_id)
                    await self._executions.end(execution_id, ExecutionState.LOST, EXECUTION_LOST, self._now())

            await self._unless_held(f"run:{one.id}", lose)

    async def _close_turns(self) -> None:
        for turn_id, run_id in await self._drift.open_turns():

            async def close(turn_id: str = turn_id, run_id: str = run_id) -> None:
                if await self.has_ended(run_id):
                    await self._drift.close_turn(turn_id, self._now())

            await self._unless_held(f"run:{run_id}", close)

    async def _missing_folders(self) -> Sequence[Finding]:
        """Of runs that still work, and folders that no record names."""
        strange = [
            Finding("unknown_folder", str(path), "It lies among the worktrees, but no record names it.")
            for path in await self._worktrees.unknown()
        ]
        lost = []
        for run_id in await self._worktrees.lent():
            path = await self._worktrees.path_of(run_id)
            if path is not None and not await self._worktrees.is_there(path):
                note = f"Its worktree {path} is not there any more; `kyros run retry` lays out another."
                lost.append(Finding("worktree_missing", run_id, note))
        return [*strange, *lost]

    async def _unless_held(self, resource: str, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await unless_held(self._leases, self._holder, resource, work)
        except Exception as error:
            self._report(f"{resource} could not be mended", error)
            subject = resource.partition(":")[2]
            self._stuck.append(Finding("cannot_be_mended", subject, str(error) or type(error).__name__))

    def _now(self) -> str:
        return to_text(self._clock())


async def unless_held(
    leases: Leases, holder: str, resource: str, work: Callable[[], Awaitable[object]]
) -> bool:
    """Whether it was done: what somebody holds is left alone."""
    try:
        await leases.acquire([resource], holder, _HOLD_SECONDS)
    except LeaseHeld:
        return False
    try:
        await work()
    finally:
        await leases.release(holder, [resource])
    return True


def resource_of(owner: str) -> str:
    """The lease of whoever works on a run or an execution, or keeps a session."""
    return f"{'session' if owner.startswith('session_') else 'run'}:{owner}"
