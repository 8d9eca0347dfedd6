"""Drives one turn of one agent: policy answers, recording runs, the row is written, nothing is left alive."""

import asyncio
from dataclasses import replace
from datetime import datetime

from kyros.drivers.model import Launch, Outcome, Profile, ResultKind
from kyros.drivers.ports import Driver, Profiles, Session
from kyros.fleet.model import Turn, TurnOrder
from kyros.fleet.ports import Machine, Recordings, Transcripts, Turns
from kyros.fleet.service.attending import Attending
from kyros.fleet.service.desk import Blocked, Desk, nobody
from kyros.fleet.service.judge import Judge
from kyros.fleet.service.limits import Limits
from kyros.fleet.service.meter import Meter
from kyros.kernel.clock import Clock, to_text
from kyros.kernel.ids import NewId

COLUMNS, ROWS = 120, 40
_NO_TIME_OUT_SECONDS = 10 * 365 * 86_400.0


class Fleet:
    """All work an agent does goes through `turn`."""

    def __init__(
        self,
        *,
        driver: Driver,
        profiles: Profiles,
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
        self._driver = driver
        self._profiles = profiles
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

        Raises AgentNotInstalled, ProfileNotFound, ProfilePaused and BudgetReached before anything is started.
        """
        profile = self._profiles.get(order.agent)
        began = self._clock()
        turn = Turn(
            id=self._new_id("turn"),
            run_id=order.run_id,
            agent=order.agent,
            tier=profile.tiers[0],
            wake_reason=order.wake_reason,
            started_at=to_text(began),
            project_id=order.project_id,
            task_id=order.task_id,
        )
        await self._limits.check(profile.name)
        watch = await self._meter.begin(order, turn)
        recording = self._recordings.open(order.run_id, COLUMNS, ROWS)
        transcript = self._transcripts.open(order.run_id)
        desk = Desk(order, turn, recording, transcript, self._judge, watch, self._clock, blocked)
        try:
            await self._judge.begin(order.run_id)
            await self._turns.begin(turn)
            recording.mark(f"turn of {order.agent}")
            try:
                outcome = await watch.keep(self._converse(order, profile, desk))
            except BaseException as error:  # the row says how every turn ended, a cut off one too
                await asyncio.shield(self._close(turn, began, desk, _outcome_of(error)))
                raise
            outcome = await self._limits.note(profile, turn, outcome, desk.last_words(outcome))
            return await self._close(turn, began, desk, outcome)
        finally:
            transcript.close()
            recording.close()

    async def _converse(self, order: TurnOrder, profile: Profile, desk: Desk) -> Outcome:
        owner = (
            f"{order.run_id}.{desk.turn.id}"  # of this turn alone: a successor's agent is not ours to stop
        )
        env = self._machine.agent_env(owner, profile.env, profile.environment)
        desk.begin(env, profile.env)
        command = self._profiles.find_command(profile)
        prefix = await self._machine.confine(owner, order.worktree, command, env)
        launch = Launch(cwd=order.worktree, env=env, columns=COLUMNS, rows=ROWS, prefix=prefix)
        try:
            async with self._machine.watch(owner) as watched:
                session = await self._driver.open(profile, launch, desk.listener())
                desk.tier = session.tier
                try:
                    async with self._attending.at(order.run_id, session, desk.recording):
                        outcome = await self._within(order, profile, desk, session)
                finally:
                    await asyncio.shield(session.stop())
            return _within_limits(outcome, watched.breach)
        finally:
            await asyncio.shield(self._machine.stop_all_of(owner))

    async def _within(self, order: TurnOrder, profile: Profile, desk: Desk, session: Session) -> Outcome:
        """The time-out is ours: the driver cannot know how long a person was awaited."""
        try:
            return await desk.deadline.limit(session.turn(order.prompt, _NO_TIME_OUT_SECONDS))
        except TimeoutError:
            if not desk.deadline.is_up:
                raise
            note = f"{profile.title} was not done after {order.timeout_seconds:g} s and was stopped."
            return Outcome(ResultKind.TIMED_OUT, "deadline", note, desk.spent)

    async def _close(self, turn: Turn, began: datetime, desk: Desk, outcome: Outcome) -> Turn:
        outcome, ended = desk.end(outcome), self._clock()
        done = replace(
            turn,
            tier=desk.tier,
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


def _within_limits(outcome: Outcome, breach: str | None) -> Outcome:
    """However the program took it, a breach is what ended the turn."""
    return outcome if breach is None else Outcome(ResultKind.FAILED, "limit", breach, outcome.usage)


def _outcome_of(error: BaseException) -> Outcome:
    if isinstance(error, asyncio.CancelledError):
        return Outcome(ResultKind.CANCELLED, "cut_off", "The work was cut off.")
    return Outcome(ResultKind.FAILED, "error", str(error) or type(error).__name__)
