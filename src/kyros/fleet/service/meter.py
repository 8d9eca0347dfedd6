"""Watches what turns use and stops those whose budget is used up."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from kyros.collab.model import Budget
from kyros.drivers.model import Outcome, ResultKind, Usage
from kyros.fleet.errors import BudgetReached
from kyros.fleet.model import BUDGET_EVIDENCE, Cap, Spent, Subject, Turn, TurnOrder
from kyros.fleet.model.budget import Scope, caps_for, reached, spent_of
from kyros.fleet.ports import Budgets, Ledger, Turns
from kyros.kernel.clock import Clock, from_text
from kyros.kernel.errors import Busy, Upstream

BEAT_SECONDS = 5.0
OwnLimits = Callable[[TurnOrder], Awaitable[tuple[Budget, Budget]]]
"""What the run and the task of an order allow by now."""


async def as_ordered(order: TurnOrder) -> tuple[Budget, Budget]:
    return order.budget, order.task_budget


async def standing(
    subject: Subject, budgets: Budgets, ledger: Ledger, without: str | None = None
) -> Sequence[tuple[Cap, Spent]]:
    """The budgets that hold, each with what was used of it, by others than the turn `without`."""
    found = []
    for cap in caps_for(subject, await budgets.all()):
        is_fresh = cap.scope is Scope.TURN
        used = Spent() if is_fresh else await ledger.spent(cap.scope, cap.key, subject.day, without)
        found.append((cap, used))
    return found


class Meter:
    """Of all turns of this process."""

    def __init__(
        self,
        *,
        turns: Turns,
        ledger: Ledger,
        budgets: Budgets,
        clock: Clock,
        beat_seconds: float = BEAT_SECONDS,
        own_limits: OwnLimits = as_ordered,
    ) -> None:
        self.turns = turns
        self.ledger = ledger
        self.budgets = budgets
        self.clock = clock
        self.beat_seconds = beat_seconds
        self.own_limits = own_limits

    async def begin(self, order: TurnOrder, turn: Turn) -> "Watch":
        """Before a turn begins. Raises BudgetReached when one is used up already."""
        watch = Watch(self, order, turn)
        if sentence := await watch.look():
            raise BudgetReached(sentence, run_id=turn.run_id)
        return watch


class Watch:
    """Of one turn. `usage` and `bytes_streamed` are what is known of it by now."""

    def __init__(self, meter: Meter, order: TurnOrder, turn: Turn) -> None:
        self.usage = Usage()
        self.bytes_streamed = 0
        self._meter = meter
        self._order = order
        self._turn = turn
        self._subject = Subject(
            turn_id=turn.id,
            run_id=turn.run_id,
            agent=turn.agent,
            day=turn.started_at[:10],
            task_id=turn.task_id,
            project_id=turn.project_id,
        )
        self._began: datetime = from_text(turn.started_at)
        self._changed = asyncio.Event()
        self._caps: Sequence[tuple[Cap, Spent]] = ()
        self._pauses = 0
        self._paused_since = self._began
        self._paused_ms = 0.0

    @property
    def duration_ms(self) -> float:
        """By now, without the time in which a person was awaited."""
        until = self._paused_since if self._pauses else self._meter.clock()
        return (until - self._began).total_seconds() * 1000 - self._paused_ms

    @contextmanager
    def paused(self) -> Iterator[None]:
        """A person is awaited, for several things at once perhaps: its minutes stand still."""
        if self._pauses == 0:
            self._paused_since = self._meter.clock()
        self._pauses += 1
        try:
            yield
        finally:
            self._pauses -= 1
            if self._pauses == 0:
                self._paused_ms += (self._meter.clock() - self._paused_since).total_seconds() * 1000
                self._changed.set()

    def spent(self, usage: Usage) -> None:
        """Listener.spent: whole figures, not differences."""
        self.usage = usage
        self._changed.set()

    async def keep(self, work: Coroutine[Any, Any, Outcome]) -> Outcome:
        """What `work` comes to, unless a budget is used up before: then it is stopped."""
        working = asyncio.create_task(work)
        watching = asyncio.create_task(self._watch())
        try:
            await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
            sentence = watching.result()
            await _ended(working)
            return Outcome(ResultKind.BLOCKED, BUDGET_EVIDENCE, sentence, self.usage)
        finally:
            await asyncio.shield(_ended(working, watching))

    async def look(self) -> str | None:
        """What others use and what is allowed by now: budgets are shared, and may be raised meanwhile. The
        sentence of one that is used up."""
        own, task = await self._meter.own_limits(self._order)
        subject = replace(self._subject, own=own, task=task)
        self._caps = await standing(subject, self._meter.budgets, self._meter.ledger, self._turn.id)
        return await self._judge()

    async def _watch(self) -> str:
        """Looks at its own figures whenever they change, at those of others with each beat."""
        last = self._meter.clock()
        while True:
            seconds = min(self._meter.beat_seconds, self._seconds_left())
            try:
                async with asyncio.timeout(max(seconds, 0.01)):
                    await self._changed.wait()
            except TimeoutError:
                pass
            self._changed.clear()
            is_beat = (self._meter.clock() - last).total_seconds() >= self._meter.beat_seconds
            last = self._meter.clock() if is_beat else last
            try:
                if is_beat:
                    await self._note()
                sentence = await (self.look() if is_beat else self._judge())
            except (Busy, Upstream):  # the database is away for a moment: a beat is missed, not the turn lost
                continue
            if sentence is not None:
                return sentence

    async def _judge(self) -> str | None:
        own = spent_of(self.usage, self.duration_ms)
        for cap, others in self._caps:
            if sentence := reached(cap, others + own):
                await self._meter.budgets.note_reached(cap, self._turn, sentence)
                return sentence
        return None

    async def _note(self) -> None:
        """So that a crash loses little of what was spent, and others see it."""
        duration_ms = int(self.duration_ms)
        noted = replace(
            self._turn, usage=self.usage, duration_ms=duration_ms, bytes_streamed=self.bytes_streamed
        )
        await self._meter.turns.note(noted)

    def _seconds_left(self) -> float:
        """Until the first budget of minutes is used up by this turn alone."""
        if self._pauses:
            return self._meter.beat_seconds
        own = self.duration_ms / 60_000
        left = [
            cap.limits.minutes - others.minutes - own
            for cap, others in self._caps
            if cap.limits.minutes is not None
        ]
        return min(left, default=self._meter.beat_seconds) * 60


async def _ended(*tasks: "asyncio.Task[Any]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
