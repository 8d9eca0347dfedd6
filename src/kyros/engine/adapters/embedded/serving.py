"""One worker's loop: rounds on the database at one side, running handlers at the other."""

import asyncio
import time
from collections import deque
from collections.abc import Mapping

from sqlalchemy import Connection

from kyros.engine.adapters.embedded import table
from kyros.engine.adapters.embedded.rounds import (
    Brought,
    Ended,
    Interrupted,
    Outcome,
    Plan,
    Worker,
    play,
    report_dead,
    settle,
)
from kyros.engine.adapters.embedded.table import Claim
from kyros.engine.ports import Handler
from kyros.infra.db import Database
from kyros.infra.telemetry import get_log
from kyros.kernel.errors import KyrosError

_AHEAD = 64
_AHEAD_SECONDS = 0.02
_STALE_SECONDS = 0.25


class Serving:
    """A single call of `serve`; `owner` is its own and begins with the worker's name and boot."""

    def __init__(
        self,
        database: Database,
        worker: Worker,
        owner: str,
        handlers: Mapping[str, Handler],
        slots: int,
        bell: asyncio.Event,
    ) -> None:
        self._database, self._worker, self._owner = database, worker, owner
        self._handlers, self._names, self._slots, self._bell = handlers, sorted(handlers), slots, bell
        self._log = get_log("kyros.engine").bind(worker=owner)
        self._ready: deque[Claim] = deque()
        self._running: dict[asyncio.Task[None], Claim] = {}
        self._ended: list[Ended] = []
        self._interrupted: set[asyncio.Task[None]] = set()
        self._pace = 1.0  # seconds a job takes, smoothed; slow until proven quick
        self._ready_since = self._renew_at = self._sweep_at = 0.0

    async def run(self) -> None:
        """Until cancelled. A database that refuses is asked again: what ended is not forgotten."""
        fresh = True
        try:
            while True:
                self._bell.clear()
                try:
                    if fresh:
                        await self._database.write(self._free_older_boots)
                        fresh = False
                    wait = await self._round()
                except KyrosError as error:
                    self._log.warning("the database refused a round of the queue", error=error.message)
                    wait = self._worker.rules.poll_seconds
                    self._bell.clear()
                await self._pause(wait)
        finally:
            await self._stop()

    def _free_older_boots(self, connection: Connection) -> None:
        worker = self._worker
        report_dead(table.lose_older_boots(connection, worker.name, worker.boot, worker.rules.max_losses))

    async def _pause(self, seconds: float) -> None:
        alarm = asyncio.get_running_loop().call_later(max(0.0, seconds), self._bell.set)
        try:
            await self._bell.wait()
        finally:
            alarm.cancel()

    async def _round(self) -> float:
        """One transaction, then start what it brought. Returns how long nothing needs to be done."""
        plan = self._plan()
        if not (plan.ended or plan.room or plan.renew or plan.sweep):
            return self._worker.rules.poll_seconds
        try:
            brought = await self._database.write(
                lambda connection: play(connection, self._worker, self._owner, self._names, plan)
            )
        except BaseException:
            self._ended[:0] = plan.ended  # the fence makes answering twice harmless
            raise
        if brought.held is not None:
            self._stop_lost(brought.held)
        self._ready.extend(brought.claims)
        self._start_ready()
        return self._rest(brought)

    def _plan(self) -> Plan:
        now, rules = self._worker.now(), self._worker.rules
        renew, sweep = now >= self._renew_at, now >= self._sweep_at
        if renew:
            self._renew_at = now + rules.claim_ttl_seconds / 3
        if sweep:
            self._sweep_at = now + rules.poll_seconds
        ended = [*self._ended, *self._stale(now)]
        self._ended = []
        room = self._slots + self._ahead() - len(self._running) - len(self._ready)
        return Plan(ended, max(0, room), renew, sweep)

    def _ahead(self) -> int:
        """Claims beyond the slots: as many as end within 20 ms, so that slow jobs are left to others."""
        return min(_AHEAD, int(_AHEAD_SECONDS * self._slots / self._pace))

    def _stale(self, now: float) -> list[Ended]:
        """Claims taken ahead that did not start soon go back: somebody else may be free."""
        if not self._ready or now < self._ready_since + _STALE_SECONDS:
            return []
        self._pace = 1.0
        stale, self._ready = self._ready, deque()
        return [Ended(claim, Interrupted()) for claim in stale]

    def _rest(self, brought: Brought) -> float:
        now, rest = self._worker.now(), self._worker.rules.poll_seconds
        if self._ready:
            rest = min(rest, _STALE_SECONDS)
        if brought.next_start is not None:
            rest = min(rest, brought.next_start - now)
        return max(0.0, rest)

    def _start_ready(self) -> None:
        while self._ready and len(self._running) < self._slots:
            claim = self._ready.popleft()
            task = asyncio.create_task(self._handle(claim), name=f"job {claim.job.id}")
            self._running[task] = claim
            self._ready_since = self._worker.now()

    async def _handle(self, claim: Claim) -> None:
        started = time.perf_counter()
        task = asyncio.current_task()
        assert task is not None
        outcome: Outcome
        try:
            outcome = await self._handlers[claim.job.handler](claim.job.payload)
        except asyncio.CancelledError:
            outcome = (
                Interrupted() if task in self._interrupted else RuntimeError("the handler was cancelled")
            )
        except Exception as error:
            self._log.exception("a job failed", job=claim.job.id, handler=claim.job.handler)
            outcome = error
        self._pace += 0.2 * (time.perf_counter() - started - self._pace)
        del self._running[task]
        self._interrupted.discard(task)
        self._ended.append(Ended(claim, outcome))
        self._start_ready()
        self._bell.set()

    def _stop_lost(self, held: set[tuple[int, int]]) -> None:
        """Somebody else has the job by now: two must not run it."""
        for task, claim in self._running.items():
            if (claim.job.id, claim.job.attempt) not in held:
                self._log.warning("a claim was lost to another worker", job=claim.job.id)
                self._interrupt(task)

    def _interrupt(self, task: asyncio.Task[None]) -> None:
        self._interrupted.add(task)
        task.cancel()

    async def _stop(self) -> None:
        """End the handlers, write down who had finished, free every claim, even one still on its way here."""
        self._ready.clear()
        for task in list(self._running):
            self._interrupt(task)
        await asyncio.gather(*self._running, return_exceptions=True)
        ended = self._ended

        def leave(connection: Connection) -> None:
            settle(connection, self._worker, self._owner, ended)
            table.give_back_all(connection, self._owner)

        await asyncio.shield(self._database.write(leave))
