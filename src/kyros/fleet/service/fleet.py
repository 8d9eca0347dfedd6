"""Drives one turn of one agent: policy answers, recording runs, the row is written, nothing is left alive."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from kyros.drivers.model import Outcome, ResultKind, Tier
from kyros.drivers.ports import Listener
from kyros.fleet.model import Turn, TurnOrder, Wish
from kyros.fleet.model.attach import COLUMNS, ROWS
from kyros.fleet.ports import Machine, Recordings, Transcripts, Turns
from kyros.fleet.service.attending import Attending
from kyros.fleet.service.desk import Blocked, Desk, nobody
from kyros.fleet.service.heard import Heard
from kyros.fleet.service.judge import Judge
from kyros.fleet.service.limits import Limits
from kyros.fleet.service.live import Live
from kyros.fleet.service.meter import Meter
from kyros.fleet.service.pool import Pool
from kyros.kernel.clock import Clock, to_text
from kyros.kernel.ids import NewId

_NO_TIME_OUT_SECONDS = 366 * 86_400.0


class Fleet:
    """All work an agent does is a turn of a session of the pool."""

    def __init__(
        self,
        *,
        pool: Pool,
        turns: Turns,
        judge: Judge,
        attending: Attending,
        recordings: Recordings,
        transcripts: Transcripts,
        machine: Machine,
        meter: Meter,
        limits: Limits,
        clock: Clock,
        new_id: NewId,
    ) -> None:
        self._pool = pool
        self._turns = turns
        self._judge = judge
        self._attending = attending
        self._recordings = recordings
        self._transcripts = transcripts
        self._machine = machine
        self._meter = meter
        self._limits = limits
        self._clock = clock
        self._new_id = new_id

    async def turn(self, order: TurnOrder, blocked: Blocked = nobody) -> Turn:
        """Prompt the agent and wait for the end, whatever it is. Whatever it started is stopped after.
        `blocked` hears when a person is asked, and when it goes on; that time does not count as the turn's.

        Waits for a session as long as it takes. Raises AgentNotInstalled, ProfileNotFound, AgentKeepsFailing,
        ProfilePaused and BudgetReached before anything is asked.
        """
        await self.check(order)
        wish = Wish(order.agent, order.run_id, order.worktree, order.project_id)
        async with self._pool.holding(wish) as live:
            return await self.turn_in(live, order, self._new_id("turn"), blocked=blocked)

    async def check(self, order: TurnOrder) -> None:
        """Whether a turn may begin now, before a session is taken for it. Raises ProfilePaused and
        BudgetReached."""
        await self._limits.check(order.agent)
        await self._meter.begin(order, _turn(order, self._new_id("turn"), to_text(self._clock())))

    async def turn_in(
        self,
        live: Live,
        order: TurnOrder,
        turn_id: str,
        also: Heard | None = None,
        blocked: Blocked = nobody,
        begins: Callable[[], Awaitable[None]] | None = None,
    ) -> Turn:
        """The same in a session one has; `also` hears what the desk hears. `begins` is awaited when nothing
        stands in the way any more; what it raises is raised, and there is no turn."""
        turn = replace(_turn(order, turn_id, to_text(self._clock())), tier=live.row.tier, session_id=live.id)
        await self._limits.check(order.agent)
        watch = await self._meter.begin(order, turn)
        if begins is not None:
            await begins()
        recording = self._recordings.open(order.run_id, COLUMNS, ROWS)
        transcript = self._transcripts.open(order.run_id)
        desk = Desk(order, turn, recording, transcript, self._judge, watch, self._clock, blocked)
        try:
            await self._judge.begin(order.run_id)
            await self._turns.begin(turn)
            recording.mark(f"turn of {order.agent}")
            try:
                outcome = await watch.keep(self._converse(live, order, desk, also))
                outcome = await self._limits.note(live.profile, turn, outcome, desk.last_words(outcome))
            except BaseException as error:  # the row says how every turn ended, a cut off one too
                await asyncio.shield(self._close(turn, desk, _outcome_of(error)))
                raise
            return await asyncio.shield(self._close(turn, desk, outcome))
        finally:
            transcript.close()
            recording.close()

    async def _converse(self, live: Live, order: TurnOrder, desk: Desk, also: Heard | None) -> Outcome:
        assert live.session is not None, "a session that was handed out is open"
        desk.tier = live.session.tier
        desk.begin(live.env, live.profile.env)
        listener = desk.listener()
        try:
            async with (
                self._machine.watch(live.id) as watched,
                self._attending.at(order.run_id, live.session, desk.recording),
            ):
                heard = listener if also is None else also.beside(listener, desk.masked)
                outcome = await self._within(live, order, desk, heard)
            return _within_limits(outcome, watched.breach)
        finally:
            await asyncio.shield(live.stop())

    async def _within(self, live: Live, order: TurnOrder, desk: Desk, listener: Listener) -> Outcome:
        """The time-out is ours: the driver cannot know how long a person was awaited."""
        try:
            return await desk.deadline.limit(live.converse(listener, order.prompt, _NO_TIME_OUT_SECONDS))
        except TimeoutError:
            if not desk.deadline.is_up:
                raise
            note = f"{live.profile.title} was not done after {order.timeout_seconds:g} s and was stopped."
            live.outcome = Outcome(ResultKind.TIMED_OUT, "deadline", note, desk.spent)
            return live.outcome

    async def _close(self, turn: Turn, desk: Desk, outcome: Outcome) -> Turn:
        outcome = desk.end(outcome)
        done = replace(
            turn,
            tier=desk.tier,
            ended_at=to_text(self._clock()),
            duration_ms=int(desk.duration_ms),
            result_kind=outcome.result,
            evidence=outcome.evidence,
            note=outcome.note,
            usage=outcome.usage,
            bytes_streamed=desk.bytes_streamed,
        )
        await self._turns.end(done)
        return done


def _turn(order: TurnOrder, turn_id: str, started_at: str) -> Turn:
    """As it is known before it has a session."""
    return Turn(
        id=turn_id,
        run_id=order.run_id,
        agent=order.agent,
        tier=Tier.TERMINAL,
        wake_reason=order.wake_reason,
        started_at=started_at,
        project_id=order.project_id,
        task_id=order.task_id,
    )


def _within_limits(outcome: Outcome, breach: str | None) -> Outcome:
    """However the program took it, a breach is what ended the turn."""
    return outcome if breach is None else Outcome(ResultKind.FAILED, "limit", breach, outcome.usage)


def _outcome_of(error: BaseException) -> Outcome:
    if isinstance(error, asyncio.CancelledError):
        return Outcome(ResultKind.CANCELLED, "cut_off", "The work was cut off.")
    return Outcome(ResultKind.FAILED, "error", str(error) or type(error).__name__)
