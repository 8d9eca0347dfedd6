"""What people do to the pull requests of delegations: merge and close."""

from datetime import timedelta

from kyros.collab.model import TaskQuery, TaskStatus, Writer
from kyros.collab.service.tasks import Tasks
from kyros.delegation.errors import ChecksNotGreen, NothingToMerge, RunStillGoing
from kyros.delegation.model import ENDED, TASK_FILE, Run, StepName
from kyros.delegation.ports import RunStore
from kyros.engine.model import NewJob
from kyros.engine.ports import Queue
from kyros.forge.model import Commit, Pull, PullState, Verdict
from kyros.forge.ports import Forge
from kyros.kernel.clock import Clock, from_text
from kyros.kernel.errors import KyrosError

_NOT_GREEN = {
    Verdict.FAILED: "are red",
    Verdict.TIMED_OUT: "are red",
    Verdict.PENDING: "were cut off",
}
_PATH = (TaskStatus.REVIEW, TaskStatus.APPROVED, TaskStatus.MERGING, TaskStatus.DONE)
_MERGE_SECONDS = 60


class Pulls:
    def __init__(self, *, runs: RunStore, tasks: Tasks, forge: Forge, queue: Queue, clock: Clock) -> None:
        self._runs = runs
        self._tasks = tasks
        self._forge = forge
        self._queue = queue
        self._clock = clock

    async def merge(self, ref: str, actor: str) -> Pull:
        """Merge a pull request whose run has ended and whose checks are not red; its task is done.

        Repeating it after a crash finishes what is left. Raises RunStillGoing, ChecksNotGreen,
        MergeConflict (the task goes back to review).
        """
        pull = await self._forge.pull(ref)
        await self._ended_run(pull)
        if bad := [check for check in pull.checks if check.verdict in _NOT_GREEN]:
            state = _NOT_GREEN[bad[0].verdict]
            raise ChecksNotGreen(
                f"The checks of pull request #{pull.number} {state} ({bad[0].summary}): "
                "mend them, or merge all the same with --accept-failed-checks.",
            )
        return await self.merge_as_it_is(ref, actor)

    async def merge_as_it_is(self, ref: str, actor: str) -> Pull:
        """Merge whatever the checks say."""
        pull = await self._forge.pull(ref)
        run = await self._ended_run(pull)
        if run is not None and pull.head_sha == run.step(StepName.BRANCH).data.get("head_sha"):
            raise NothingToMerge(
                f"Pull request #{pull.number} has no code yet: run {run.id} {run.status}; "
                f"`kyros run show {run.id}` says why."
            )
        if run is not None and pull.state is PullState.OPEN:
            await self._move(run, actor, *_PATH[:-1])
        when = int(self._clock().timestamp())
        message = f"Merge pull request #{pull.number}: {pull.title}"
        commit = Commit(message, "Kyros", "kyros@kyros.invalid", when)
        try:
            pull = await self._forge.merge(pull.id, actor, commit, drop=[TASK_FILE])
        except KyrosError:
            if run is not None and pull.state is PullState.OPEN:
                await self._move(run, actor, TaskStatus.REVIEW)
            raise
        await self._settle(pull, run, actor)
        return pull

    async def push(self, pull: Pull) -> None:
        """Fast-forward the base at the source of the project."""
        await self._forge.push_upstream(pull.project_id, pull.base)

    async def close(self, ref: str, actor: str) -> Pull:
        """Close without merging: branch and commits stay in the forge, the task is cancelled."""
        pull = await self._forge.pull(ref)
        run = await self._ended_run(pull)
        pull = await self._forge.close(pull.id, actor)
        if run is not None:
            await self._runs.note_facts(run.id, {"pull_status": pull.state.value})
            await self._move(run, actor, TaskStatus.CANCELLED)
            await self._tidy(run)
        return pull

    async def reconcile(self) -> None:
        """Finish merges that a crash cut off: the forge's word decides."""
        for status in (TaskStatus.APPROVED, TaskStatus.MERGING):
            for task in await self._tasks.find(TaskQuery(status=status, limit=1_000)):
                run = next(iter(await self._runs.of_task(task.id)), None)
                if run is None or run.pull_id is None:
                    continue
                pull = await self._forge.pull(run.pull_id)
                if pull.state is PullState.MERGED:
                    await self._settle(pull, run, "kyros")
                elif self._clock() - from_text(task.updated_at) > timedelta(seconds=_MERGE_SECONDS):
                    await self._move(run, "kyros", TaskStatus.REVIEW)  # nobody merges any more

    async def is_settled(self, pull_id: str) -> bool:
        """Merged or closed: nobody needs the worktree any more."""
        return (await self._forge.pull(pull_id)).state is not PullState.OPEN

    async def _ended_run(self, pull: Pull) -> Run | None:
        """The run behind a pull request. Raises RunStillGoing."""
        run = await self._runs.by_pull(pull.id)
        if run is not None and run.status not in ENDED:
            raise RunStillGoing(
                f"{run.agent} still works on pull request #{pull.number}: wait for run {run.id} "
                f"or stop it first (`kyros stop {run.id}`)."
            )
        return run

    async def _settle(self, pull: Pull, run: Run | None, actor: str) -> None:
        await self._forge.delete_merged_branch(pull.project_id, pull.head)
        if run is not None:
            await self._runs.note_facts(run.id, {"pull_status": pull.state.value})
            await self._move(run, actor, *_PATH)
            await self._tidy(run)

    async def _tidy(self, run: Run) -> None:
        """The worktree is the worker's: ask for it to be cleaned."""
        await self._queue.enqueue(NewJob("delegation.tidy", {"run_id": run.id}, f"tidy:{run.id}"))

    async def _move(self, run: Run, actor: str, *path: TaskStatus) -> None:
        """Along `path` from wherever on it the task is."""
        task = await self._tasks.get(run.task_id)
        if task.status in (TaskStatus.DONE, path[-1]):
            return
        rest = path[path.index(task.status) + 1 :] if task.status in path else path
        for status in rest:
            await self._tasks.move(task.id, status, Writer(actor), f"run {run.id}")
