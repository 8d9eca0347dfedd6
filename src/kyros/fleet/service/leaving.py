"""How a session ends: for sure, with everything it started, and its places free again or never used again."""

from collections.abc import Callable

from kyros.collab.service.leases import Leases
from kyros.fleet.ports import Folders, Machine, Sessions, Worktrees
from kyros.fleet.service.live import Live


class Leaving:
    def __init__(
        self,
        machine: Machine,
        worktrees: Worktrees,
        folders: Folders,
        sessions: Sessions,
        leases: Leases,
        report: Callable[[str, BaseException], None],
    ) -> None:
        self._machine = machine
        self._worktrees = worktrees
        self._folders = folders
        self._sessions = sessions
        self._leases = leases
        self._report = report

    async def end(self, live: Live, why: str, is_doubtful: bool) -> None:
        """Everything it started is stopped, then its folders are put away, then its row says that it ended.
        `is_doubtful`: its worktree is never used again."""
        if trouble := await self._stop(live):
            is_doubtful, why = True, f"quarantined: it would not stop ({trouble})"
        if live.readying is not None:
            live.readying.cancel()
        try:
            if is_doubtful:
                await self._worktrees.doubt(live.folder)
            await self._worktrees.unreserve(live.id)
            await self._folders.remove(live.id)
        except Exception as error:  # the sweep tries again
            self._report(f"the folders of {live.id} could not be put away", error)
        await self._sessions.put(live.ended(why))
        await self._leases.release(live.row.worker, [f"session:{live.id}"])

    async def _stop(self, live: Live) -> str:
        """What went wrong; nothing is empty. Without its lease whatever is left is an orphan, and swept."""
        trouble = ""
        for work in (live.stop, lambda: self._machine.stop_all_of(live.id)):
            try:
                await work()
            except Exception as error:
                trouble = str(error) or type(error).__name__
                self._report(f"{live.id} would not stop", error)
        return trouble
