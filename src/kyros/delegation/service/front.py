"""What people do to delegations and runs: hand over, look, stop, retry."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from kyros.collab.errors import LeaseHeld
from kyros.collab.model import Budget, NewTask
from kyros.collab.service.tasks import Tasks
from kyros.delegation.errors import ProjectNotNamed, StepFailed
from kyros.delegation.model import (
    ENDED,
    TASK_FILE,
    NewRun,
    Order,
    Run,
    RunStatus,
    StepName,
    branch_name,
    digest_of,
    parse_settings,
)
from kyros.delegation.model.settings import SETTINGS_FILE
from kyros.delegation.ports import RunStore
from kyros.delegation.service.walk import Walker
from kyros.drivers.errors import AgentNotInstalled
from kyros.drivers.ports import Profiles
from kyros.engine.model import NewJob
from kyros.engine.ports import Bus, Queue
from kyros.fleet.errors import BudgetReached
from kyros.fleet.model import Subject
from kyros.fleet.model.budget import Scope, reached
from kyros.fleet.ports import Budgets, Ledger, Pauses
from kyros.fleet.service import standing
from kyros.forge.errors import FileExists
from kyros.forge.model import Adopted, Project, Pull
from kyros.forge.ports import Forge
from kyros.kernel.answers import KeyReused, Once
from kyros.kernel.clock import Clock, to_text
from kyros.kernel.ids import NewId
from kyros.kernel.states import MoveRefused

_PATIENCE_SECONDS = 10.0
_LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class HandedOver:
    run: Run
    pull: Pull
    project: Project
    notes: Sequence[str]


class Delegations:
    def __init__(
        self,
        *,
        runs: RunStore,
        tasks: Tasks,
        forge: Forge,
        walker: Walker,
        profiles: Profiles,
        queue: Queue,
        bus: Bus,
        clock: Clock,
        new_id: NewId,
        agent: str,
        timeout_seconds: float,
        ledger: Ledger,
        budgets: Budgets,
        pauses: Pauses,
        stop_fleet: Callable[[], Awaitable[int]],
    ) -> None:
        """`stop_fleet` ends what works or waits outside of runs."""
        self._stop_fleet = stop_fleet
        self._runs = runs
        self._tasks = tasks
        self._forge = forge
        self._walker = walker
        self._profiles = profiles
        self._queue = queue
        self._bus = bus
        self._clock = clock
        self._new_id = new_id
        self._agent = agent
        self._timeout_seconds = timeout_seconds
        self._ledger = ledger
        self._budgets = budgets
        self._pauses = pauses

    async def hand_over(self, order: Order, actor: str, key: str | None) -> HandedOver:
        """Branch, TASK.md and pull request now; the agent's work later. Everything that can be refused
        is refused before anything is made. The same key with the same order gives the same answer."""
        if key is not None and (known := await self._runs.by_key(key)) is not None:
            return await self._repeat(order, *known, actor)
        agent = self._checked_agent(order.agent or self._agent)
        adopted = await self._adopt(order)
        base = order.base or adopted.project.default_base
        await self._check_base(adopted.project, base)
        new = NewRun(
            id=self._new_id("run"),
            project_id=adopted.project.id,
            agent=agent,
            branch=await self._free_branch(adopted.project, order.title),
            base=base,
            timeout_seconds=order.timeout_seconds or self._timeout_seconds,
            idempotency_key=key,
            request_digest=digest_of(order),
            budget=order.budget,
        )
        task = NewTask(
            adopted.project.id, order.title, order.objective, order.constraints, order.acceptance_criteria
        )
        run, created = await self._runs.create(new, task, actor)
        if not created:
            return await self._repeat(order, run, new.request_digest, actor)
        return await self._open(run, adopted)

    async def run(self, run_id: str) -> Run:
        return await self._runs.get(run_id)

    async def stop(self, run_id: str, actor: str) -> Run:
        """Remembered and sent to whoever works on it; a run that has ended stays as it is."""
        run = await self._runs.ask_stop(run_id, actor)
        self._bus.publish(f"stop:{run_id}", b"")
        return run

    async def stop_all(self, actor: str) -> Sequence[Run]:
        """Every run, execution and session that is kept ready; what is asked for later starts as ever."""
        stopped = [await self.stop(run_id, actor) for run_id in await self._runs.unfinished()]
        await self._stop_fleet()
        return stopped

    async def retry(self, run_id: str, actor: str) -> Run:
        """A new attempt from the first thing that is not settled; a run still going is left alone."""
        run = await self._runs.get(run_id)
        if run.waits_for_budget:
            return await self._runs.requeue(run_id, actor, StepName.TURN)
        if run.status not in ENDED:
            return run
        if run.pull_id is not None and (pull := await self._forge.pull(run.pull_id)).state != "open":
            raise MoveRefused(f"Pull request #{pull.number} is {pull.state}: delegate the task anew.")
        begin = StepName.LEASE if run.pull_id is not None else StepName.BRANCH
        return await self._runs.requeue(run_id, actor, begin)

    async def grant(self, run_id: str, more: Budget, actor: str, once: Once | None = None) -> Run:
        """So much more than what the run has used or may use by now; one that waits for it goes on. A measure
        that has no limit stays without one. Raises MoveRefused when the run has ended, and BudgetReached when
        it waits for more than that."""
        run = await self._runs.get(run_id)
        used = await self._ledger.spent(Scope.RUN, run_id, "")
        if run.waits_for_budget:
            await self._check_goes_on(run, run.with_more(more, used))
        run, is_new = await self._runs.grant(run_id, more, used, actor, once)
        return await self.retry(run_id, actor) if is_new and run.waits_for_budget else run

    async def _check_goes_on(self, run: Run, own: Budget) -> None:
        day, task = to_text(self._clock())[:10], await self._tasks.get(run.task_id)
        subject = Subject("", run.id, run.agent, day, run.task_id, run.project_id, own, task.budget)
        for cap, used in await standing(subject, self._budgets, self._ledger):
            if (sentence := reached(cap, used)) is not None:
                is_its_own = cap.scope is Scope.RUN and cap.limits == own
                how = "give it more of that, too" if is_its_own else f"{cap.name} must be raised first"
                raise BudgetReached(f"{sentence} The run would not go on: {how}.", budget=cap.name)

    async def resume(self, profile: str, actor: str) -> bool:
        """End a profile's pause; whoever waited for it is looked at now. Raises ProfileNotFound."""
        name = self._profiles.get(profile).name
        resumed = await self._pauses.resume(name, actor)
        for run_id in await self._runs.unfinished() if resumed else ():
            await self._queue.enqueue(NewJob("delegation.run", {"run_id": run_id}, f"run:{run_id}"))
        return resumed

    async def _repeat(self, order: Order, run: Run, digest: str, actor: str) -> HandedOver:
        if digest != digest_of(order):
            raise KeyReused("This Idempotency-Key came before with another request: use a new key.")
        if run.status is RunStatus.FAILED and run.pull_id is None:  # it could not be opened: try again
            run = await self._runs.requeue(run.id, actor, StepName.BRANCH)
        return await self._open(run, Adopted(await self._forge.project(run.project_id)))

    async def _open(self, run: Run, adopted: Adopted) -> HandedOver:
        try:
            run = await self._walker.open(run.id)
        except LeaseHeld as held:  # a worker was quicker, or the same request came twice: the same steps
            try:
                run = await self._opened_elsewhere(run.id)
            except TimeoutError:
                raise held from None
        if run.pull_id is None:
            why = run.explanation or "It ended before its pull request was opened."
            raise StepFailed(f"Run {run.id} is {run.status}: {why}", run_id=run.id, reason=run.reason)
        await self._queue.enqueue(NewJob("delegation.run", {"run_id": run.id}, f"run:{run.id}"))
        return HandedOver(run, await self._forge.pull(run.pull_id), adopted.project, adopted.notes)

    async def _opened_elsewhere(self, run_id: str) -> Run:
        """The run once it has its pull request, or has ended without one. Raises TimeoutError."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while True:
                run = await self._runs.get(run_id)
                if run.pull_id is not None or run.status in ENDED:
                    return run
                await asyncio.sleep(_LOOK_SECONDS)

    def _checked_agent(self, name: str) -> str:
        profile = self._profiles.get(name)
        if self._profiles.find_program(profile) is None:
            raise AgentNotInstalled(
                f"{profile.title} is not installed here ({profile.command[0]} is not on the PATH): "
                f"{profile.install_hint} `kyros profile list` shows the agents there are.",
                agent=name,
            )
        return profile.name

    async def _adopt(self, order: Order) -> Adopted:
        if (order.repo is None) == (order.project is None):
            raise ProjectNotNamed("Name either a repository (`repo`: path or URL) or a known `project`.")
        if order.repo is not None:
            return await self._forge.adopt(order.repo)
        project = await self._forge.project(order.project or "")
        return await self._forge.adopt(project.source)

    async def _check_base(self, project: Project, base: str) -> None:
        """Whatever the base could still refuse later is refused now."""
        sha = await self._forge.base_of(project.id, base)
        parse_settings(await self._forge.read_file(project.id, sha, SETTINGS_FILE))
        if await self._forge.has_file(project.id, sha, TASK_FILE):
            raise FileExists(
                f"{base} of {project.name} already has a {TASK_FILE}, where the task would be written: "
                "move or remove it there, or delegate on another branch with --base.",
                path=TASK_FILE,
            )

    async def _free_branch(self, project: Project, title: str) -> str:
        """Two orders in one millisecond with one title: the later waits for the next."""
        while True:
            name = branch_name(title, self._clock())
            if await self._forge.head_of(project.id, name) is None:
                return name
