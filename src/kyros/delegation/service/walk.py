"""Walks a run from recorded step to recorded step, under its lease, until it ends or must wait.

Whoever holds the lease `run:ID` works on the run; everybody else leaves it alone. A step is recorded as
done, with what it made, in the transaction that begins the next; so a kill at any moment loses at most
the step in hand, and every step may be begun again. Each record shows the walk's fence: a walk that slept
past its lease records nothing over what its successor does.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn

from kyros.collab.errors import LeaseHeld, LeaseLost
from kyros.collab.model import Fence, TaskStatus, Writer
from kyros.collab.service.leases import Leases
from kyros.collab.service.tasks import Tasks
from kyros.delegation.model import ENDED, REASONS, Reason, Run, RunStatus, StepName, StepStatus
from kyros.delegation.ports import RunStore
from kyros.delegation.service.notice import Notice
from kyros.delegation.service.steps import Made, Steps, failed, reason_of, resources_of, writer_of
from kyros.engine.model import Again
from kyros.engine.ports import Bus
from kyros.fleet.errors import ProfilePaused
from kyros.fleet.ports import Machine
from kyros.fleet.service import Limits
from kyros.forge.model import Verdict
from kyros.kernel.errors import KyrosError
from kyros.kernel.states import MoveRefused

_BAD_VERDICTS = {
    Verdict.FAILED: Reason.CHECKS_FAILED,
    Verdict.TIMED_OUT: Reason.CHECKS_TIMED_OUT,
}
_ENDS = {
    Reason.AGENT_TIMED_OUT: RunStatus.TIMED_OUT,
    Reason.STOPPED: RunStatus.CANCELLED,
    Reason.BUDGET: RunStatus.BLOCKED,
}
_STOPPED = "Stopped by a person."
_SOON_SECONDS = 1.0


@dataclass(frozen=True)
class Pace:
    """How long a lease lives, how often a step is tried, and the dice for waiting between tries."""

    lease_ttl_seconds: float
    attempts: int
    random: Callable[[], float]

    def beat_seconds(self) -> float:
        """A third of the lease's life, with jitter."""
        return self.lease_ttl_seconds / 3 * (0.8 + 0.2 * self.random())

    def backoff(self, tries: int) -> float:
        """Full jitter under 1, 2, 4 … 60 seconds."""
        return self.random() * min(60.0, 2.0**tries)


class Walker:
    """`holder` names this process; it ends with its boot, so that a successor can tell the dead apart."""

    def __init__(
        self,
        *,
        holder: str,
        runs: RunStore,
        tasks: Tasks,
        leases: Leases,
        machine: Machine,
        bus: Bus,
        steps: Steps,
        pace: Pace,
        report_defect: Callable[[str, Exception], None],
        notice: Notice,
        limits: Limits,
    ) -> None:
        self._holder = holder
        self._walks = itertools.count(1)
        self._runs = runs
        self._tasks = tasks
        self._leases = leases
        self._machine = machine
        self._bus = bus
        self._steps = steps
        self._pace = pace
        self._report_defect = report_defect
        self._notice = notice
        self._limits = limits

    async def look(self, run_id: str) -> Again | None:
        """Work on the run as far as it goes. Again: somebody else has it, its agent must wait, or a passing
        trouble."""
        if seconds := await self._must_wait(await self._runs.get(run_id)):  # nobody need take it for that
            return Again(seconds)
        try:
            fence = await self._take(run_id, self._new_holder())
        except LeaseHeld:
            return Again(_SOON_SECONDS)
        try:
            return await self._walk(run_id, fence)
        except LeaseLost:  # while its end was written down: it is the next walk's to write
            return Again(_SOON_SECONDS)
        finally:
            await asyncio.shield(self._leases.release(fence.holder, [fence.resource]))

    async def open(self, run_id: str) -> Run:
        """Walk only the steps this walker has, raising what goes wrong: the answer to a waiting person."""
        fence = await self._take(run_id, self._new_holder())
        beating = asyncio.create_task(self._beat(fence))
        try:
            run = await self._runs.get(run_id)
            while (step := _next_step(run)) is not None and step in self._steps and run.status not in ENDED:
                run = await self._open_step(run, step, fence, beating)
            return run
        finally:
            await asyncio.shield(_end(beating))
            await asyncio.shield(self._leases.release(fence.holder, [fence.resource]))

    async def _open_step(
        self, run: Run, step: StepName, fence: Fence, beating: "asyncio.Task[NoReturn]"
    ) -> Run:
        run = await self._runs.advance(run.id, None, {}, "", step, fence)
        try:
            task = await self._tasks.get(run.task_id)
            made = await _unless(beating, self._steps[step](run, task))
        except LeaseLost:
            raise
        except Exception as error:
            await self._fail(run, step, reason_of(error), str(error), fence)
            raise
        return await self._runs.advance(run.id, step, made.data, made.note, None, fence)

    async def _take(self, run_id: str, holder: str) -> Fence:
        """The lease on the run, as what each record shows. Raises LeaseHeld."""
        (lease,) = await self._leases.acquire([f"run:{run_id}"], holder, self._pace.lease_ttl_seconds)
        return Fence(lease.resource, holder, lease.fencing_token)

    def _new_holder(self) -> str:
        """One for each walk: two in this very process must not take each other's lease for their own."""
        return f"{self._holder}/{next(self._walks)}"

    async def _walk(self, run_id: str, fence: Fence) -> Again | None:
        run = await self._runs.get(run_id)
        if run.status in ENDED or (run.waits_for_budget and not run.stop_asked):
            return None
        if seconds := await self._must_wait(run):
            return Again(seconds)
        if (step := _next_step(run)) is not None:
            try:
                run = await self._begin(run, step, fence)
            except Exception as error:
                return await self._give_up(run, step, fence, error)
        guard = asyncio.create_task(self._guard(run_id, fence))
        try:
            return await self._carry_on(run, fence, guard)
        finally:
            await asyncio.shield(_end(guard))

    async def _must_wait(self, run: Run) -> float:
        """Seconds until its agent may work again, where that is what it waits for."""
        if _next_step(run) is StepName.TURN and run.status is RunStatus.QUEUED and not run.stop_asked:
            return await self._limits.seconds_left(run.agent)
        return 0.0

    async def _begin(self, run: Run, step: StepName, fence: Fence) -> Run:
        if run.stop_asked:
            raise failed(Reason.STOPPED, _STOPPED)
        if run.step(StepName.LEASE).status is StepStatus.DONE:  # they may have run out while nobody walked
            await self._leases.acquire(resources_of(run), run.id, self._pace.lease_ttl_seconds)
        if run.status is not RunStatus.RUNNING:
            await self._runs.move(run.id, RunStatus.RUNNING, "kyros", fence)
            await self._notice.say_begun(run)
        return await self._runs.advance(run.id, None, {}, "", step, fence)

    async def _carry_on(self, run: Run, fence: Fence, guard: "asyncio.Task[NoReturn]") -> Again | None:
        """The guard may cut off a step, never the writing down of one, nor the end of the run."""
        while (step := _next_step(run)) is not None:
            try:
                task = await self._tasks.get(run.task_id)
                if guard.done():
                    guard.result()
                made = await _unless(guard, self._steps[step](run, task))
                recorded = await self._record(run, step, made, fence)
            except Exception as error:
                return await self._give_up(run, step, fence, error)
            run = recorded
        await self._settle(run, fence)
        return None

    async def _guard(self, run_id: str, fence: Fence) -> NoReturn:
        """Keep the leases alive; raise why the step must end: a person's stop, or a lease lost."""
        async with self._bus.subscribe(f"stop:{run_id}") as nudges:
            while True:
                run = await self._runs.get(run_id)
                if run.stop_asked:
                    raise failed(Reason.STOPPED, _STOPPED)
                await self._leases.heartbeat(fence.holder, [fence.resource])
                if run.step(StepName.LEASE).status is StepStatus.DONE:
                    await self._leases.heartbeat(run_id, resources_of(run))
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._pace.beat_seconds()):
                        await anext(nudges)

    async def _beat(self, fence: Fence) -> NoReturn:
        """Keep the lease on a run alive; raise that it was lost."""
        while True:
            await asyncio.sleep(self._pace.beat_seconds())
            await self._leases.heartbeat(fence.holder, [fence.resource])

    async def _record(self, run: Run, step: StepName, made: Made, fence: Fence) -> Run:
        names = [one.name for one in run.steps]
        following = names[names.index(step) + 1 :]
        return await self._runs.advance(
            run.id, step, made.data, made.note, following[0] if following else None, fence
        )

    async def _give_up(self, run: Run, step: StepName, fence: Fence, error: Exception) -> Again | None:
        """Wait and try again for a passing cause; otherwise the run has ended for this reason."""
        if isinstance(error, ProfilePaused):
            await self._leases.release(run.id, resources_of(run))
            await self._runs.put_off(run.id, step, error.message, fence)
            return Again(max(await self._limits.seconds_left(run.agent), _SOON_SECONDS))
        reason = reason_of(error)
        if reason is Reason.INTERNAL:
            self._report_defect(run.id, error)
        if reason is Reason.LEASE_LOST:
            try:
                fence = await self._take(run.id, fence.holder)
            except LeaseHeld:
                return Again(_SOON_SECONDS)  # what runs for it now is the new holder's
        if reason in (Reason.STOPPED, Reason.LEASE_LOST):
            await self._machine.stop_all_of(run.id)
        message = str(error) or type(error).__name__
        if REASONS[reason].transient and run.tries + 1 < self._pace.attempts:
            await self._runs.try_again(run.id, step, message, fence)
            return Again(max(self._pace.backoff(run.tries), _asked_seconds(error)))
        await self._fail(run, step, reason, message, fence)
        return None

    async def _fail(self, run: Run, step: StepName, reason: Reason, message: str, fence: Fence) -> None:
        if run.step(step).status is StepStatus.RUNNING:
            await self._runs.fail_step(run.id, step, message, fence)
        await self._notice.say_failed(run, _explain(reason, message) or "")
        task_to = TaskStatus.QUEUED if reason is Reason.STOPPED else TaskStatus.BLOCKED
        await self._move_task(run, task_to, reason)
        await self._end(run, _ENDS.get(reason, RunStatus.FAILED), fence, reason, message)

    async def _settle(self, run: Run, fence: Fence) -> None:
        """Every step is done: the verdict of the checks is the verdict of the run."""
        verdict = Verdict(str(run.step(StepName.REPORT).data["verdict"]))
        reason = _BAD_VERDICTS.get(verdict)
        if reason is None:
            await self._end(run, RunStatus.SUCCEEDED, fence, None, None)
        else:
            await self._end(run, RunStatus.FAILED, fence, reason, run.step(StepName.CHECKS).note)

    async def _end(
        self, run: Run, to: RunStatus, fence: Fence, reason: Reason | None, message: str | None
    ) -> None:
        """The run's row is moved last: killed before, the next walk comes here again."""
        await self._leases.release(run.id, resources_of(run))
        await self._runs.move(run.id, to, "kyros", fence, reason, _explain(reason, message))

    async def _move_task(self, run: Run, to: TaskStatus, reason: Reason) -> None:
        """A person who moved or took the task meanwhile has the last word."""
        with suppress(MoveRefused, LeaseHeld):
            writer = Writer("kyros")
            if run.step(StepName.LEASE).attempt:  # it may hold the task under its own name
                writer = await writer_of(run, "kyros", self._leases, self._pace.lease_ttl_seconds)
            await self._tasks.move(run.task_id, to, writer, f"run {run.id}: {reason}")


def _next_step(run: Run) -> StepName | None:
    return next((step.name for step in run.steps if step.status is not StepStatus.DONE), None)


def _asked_seconds(error: Exception) -> float:
    """How long whoever refused asked to be left alone."""
    seconds = error.facts.get("retry_after_seconds") if isinstance(error, KyrosError) else None
    return float(seconds) if isinstance(seconds, int | float) else 0.0


def _explain(reason: Reason | None, message: str | None) -> str | None:
    if reason is None:
        return None
    said = (message or "").strip()
    stop = "" if said.endswith((".", "!", "?", ":")) or not said else "."
    return f"{said}{stop} {REASONS[reason].advice}".strip()


async def _end(*tasks: "asyncio.Future[Any]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _unless(guard: "asyncio.Task[NoReturn]", work: Awaitable[Made]) -> Made:
    """What `work` makes; when the guard ends first, the work is stopped and the guard's error raised."""
    working = asyncio.ensure_future(work)
    try:
        await asyncio.wait({working, guard}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else guard.result()
    finally:
        await asyncio.shield(_end(working))
