"""Drives one turn of one agent: policy answers, recording runs, the row is written, nothing is left alive."""

import asyncio
from dataclasses import replace
from datetime import datetime

from kyros.drivers.model import Outcome, ResultKind
from kyros.fleet.model import Turn, TurnOrder, Wish
from kyros.fleet.ports import Recordings, Turns
from kyros.fleet.service.desk import Desk
from kyros.fleet.service.heard import Heard
from kyros.fleet.service.judge import Judge
from kyros.fleet.service.live import Live
from kyros.fleet.service.pool import COLUMNS, ROWS, Pool
from kyros.kernel.clock import Clock, to_text
from kyros.kernel.ids import NewId


class Fleet:
    """All work an agent does is a turn of a session of the pool."""

    def __init__(
        self,
        *,
        pool: Pool,
        turns: Turns,
        judge: Judge,
        recordings: Recordings,
        clock: Clock,
        new_id: NewId,
    ) -> None:
        self._pool = pool
        self._turns = turns
        self._judge = judge
        self._recordings = recordings
        self._clock = clock
        self._new_id = new_id

    async def turn(self, order: TurnOrder) -> Turn:
        """Prompt the agent and wait for the end, whatever it is. Whatever it started is stopped after.

        Waits for a session as long as it takes. Raises AgentNotInstalled, ProfileNotFound and
        AgentKeepsFailing before anything is asked.
        """
        wish = Wish(order.agent, order.run_id, order.worktree, order.project_id)
        async with self._pool.holding(wish) as live:
            return await self.turn_in(live, order, self._new_id("turn"))

    async def turn_in(self, live: Live, order: TurnOrder, turn_id: str, also: Heard | None = None) -> Turn:
        """The same in a session one has; `also` hears what the desk hears."""
        began = self._clock()
        turn = Turn(
            id=turn_id,
            run_id=order.run_id,
            agent=order.agent,
            tier=live.row.tier,
            wake_reason=order.wake_reason,
            started_at=to_text(began),
            project_id=order.project_id,
            task_id=order.task_id,
        )
        recording = self._recordings.open(order.run_id, COLUMNS, ROWS)
        desk = Desk(order, turn, recording, self._judge)
        try:
            await self._turns.begin(turn)
            recording.mark(f"turn of {order.agent}")
            try:
                outcome = await self._converse(live, order, desk, also)
            except BaseException as error:  # the row says how every turn ended, a cut off one too
                await asyncio.shield(self._close(turn, began, desk, _outcome_of(error)))
                raise
            return await self._close(turn, began, desk, outcome)
        finally:
            recording.close()

    async def _converse(self, live: Live, order: TurnOrder, desk: Desk, also: Heard | None) -> Outcome:
        listener = desk.listener()
        try:
            return await live.converse(
                listener if also is None else also.beside(listener), order.prompt, order.timeout_seconds
            )
        finally:
            await asyncio.shield(live.stop())

    async def _close(self, turn: Turn, began: datetime, desk: Desk, outcome: Outcome) -> Turn:
        ended = self._clock()
        done = replace(
            turn,
            ended_at=to_text(ended),
            duration_ms=int((ended - began).total_seconds() * 1000),
            result_kind=outcome.result,
            evidence=outcome.evidence,
            note=outcome.note,
            usage=outcome.usage,
            bytes_streamed=desk.bytes_streamed,
        )
        await self._turns.end(done)
        return done


def _outcome_of(error: BaseException) -> Outcome:
    if isinstance(error, asyncio.CancelledError):
        return Outcome(ResultKind.CANCELLED, "cut_off", "The work was cut off.")
    return Outcome(ResultKind.FAILED, "error", str(error) or type(error).__name__)
