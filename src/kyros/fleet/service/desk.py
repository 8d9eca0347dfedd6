"""What one session tells and asks during one turn."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from kyros.drivers.model import ApprovalRequest, Decision, State, Usage
from kyros.drivers.ports import Listener
from kyros.fleet.model import Approval, Turn, TurnOrder
from kyros.fleet.ports import Recording
from kyros.fleet.service.deadline import Deadline
from kyros.fleet.service.judge import Judge

Blocked = Callable[[Approval | None], Awaitable[None]]
"""Told what a person is asked while the turn waits for them; None when it goes on."""


async def nobody(_: Approval | None) -> None:
    """Nobody wants to know."""


class Desk:
    """Of one turn; it hands each thing on to whoever it concerns."""

    def __init__(
        self, order: TurnOrder, turn: Turn, recording: Recording, judge: Judge, blocked: Blocked = nobody
    ) -> None:
        self.turn = turn
        self.tier = turn.tier
        self.bytes_streamed = 0
        self.spent = Usage()
        self.deadline = Deadline(order.timeout_seconds)
        self._order = order
        self.recording = recording
        self._judge = judge
        self._blocked = blocked
        self._asked: dict[str, Approval] = {}
        self._telling = asyncio.Lock()

    def listener(self) -> Listener:
        return Listener(
            output=self._output,
            state=self._state,
            started=lambda pid: None,
            decide=self._decide,
            spent=self._spent,
        )

    def _output(self, data: bytes) -> None:
        self.bytes_streamed += len(data)
        self.recording.write(data)

    def _state(self, state: State) -> None:
        """Nobody asks for it yet but the program's own recording, which shows it."""

    def _spent(self, usage: Usage) -> None:
        self.spent = usage

    async def _decide(self, request: ApprovalRequest) -> Decision:
        return await self._judge.decide(self._order, self.turn, request, self._waiting)

    @asynccontextmanager
    async def _waiting(self, approval: Approval) -> AsyncIterator[None]:
        """Several may be asked at once: the turn goes on when the last is answered."""
        self._asked[approval.id] = approval
        with self.deadline.paused():
            try:
                await self._tell()
                yield
            finally:
                del self._asked[approval.id]
                await asyncio.shield(self._tell())

    async def _tell(self) -> None:
        async with self._telling:
            await self._blocked(next(iter(self._asked.values()), None))
