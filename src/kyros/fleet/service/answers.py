"""Waits for what a person says, and hears of it at once."""

import asyncio
from contextlib import suppress

from kyros.fleet.model import Approval
from kyros.fleet.ports import Approvals
from kyros.kernel.errors import Busy, Upstream

_LOOK_SECONDS = 2.0


class Answers:
    """Hand `wake` to whoever hears of commits, here and in other processes; without it those who wait look
    again every two seconds."""

    def __init__(self, approvals: Approvals, look_seconds: float = _LOOK_SECONDS) -> None:
        self._approvals = approvals
        self._look_seconds = look_seconds
        self._news = asyncio.Event()

    def wake(self) -> None:
        """Something was decided: look now."""
        self._news, told = asyncio.Event(), self._news
        told.set()

    async def wait(self, approval_id: str, patience_seconds: float) -> Approval:
        """What became of it: never pending. After `patience_seconds` it expires. While the database is away,
        it is looked at again."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + patience_seconds
        while True:
            news = self._news  # taken before we look: what happens while we look is not missed
            left = deadline - loop.time()
            with suppress(Busy, Upstream):
                look = self._approvals.get if left > 0 else self._approvals.expire
                approval = await look(approval_id)
                if not approval.is_pending:
                    return approval
            wait_seconds = self._look_seconds if left <= 0 else min(left, self._look_seconds)
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_seconds):
                    await news.wait()
