"""The steps that answer a delegation at once: the branch with TASK.md, the pull request."""

from kyros.collab.model import Task
from kyros.delegation.model import TASK_FILE, Run, StepName, pull_body, task_file
from kyros.delegation.ports import RunStore
from kyros.delegation.service.steps import Made, Steps
from kyros.forge.model import Commit, NewPull
from kyros.forge.ports import Forge
from kyros.kernel.clock import from_text


class OpeningSteps:
    """Both find what an earlier try made: the commit is a function of the run, the pull one of the branch."""

    def __init__(self, forge: Forge, runs: RunStore) -> None:
        self._forge = forge
        self._runs = runs

    def steps(self) -> Steps:
        return {StepName.BRANCH: self.branch, StepName.PULL_REQUEST: self.pull_request}

    async def branch(self, run: Run, task: Task) -> Made:
        commit = Commit(
            message=f"docs: {TASK_FILE} for {task.id}\n\nKyros-Task: {task.id}\nKyros-Run: {run.id}\n",
            author_name="Kyros",
            author_email="kyros@kyros.invalid",
            when=int(from_text(run.created_at).timestamp()),
        )
        opened = await self._forge.open_branch(
            run.project_id, run.branch, run.base, {TASK_FILE: task_file(task)}, commit
        )
        data = {"head_sha": opened.head_sha, "base_sha": opened.base_sha}
        return Made(data, f"{run.branch} from {run.base} at {opened.base_sha[:10]}")

    async def pull_request(self, run: Run, task: Task) -> Made:
        pull = await self._forge.open_pull(
            NewPull(run.project_id, task.title, pull_body(task, run.agent), run.branch, run.base), "kyros"
        )
        await self._runs.set_pull(run.id, pull.id)
        return Made({"pull_id": pull.id, "number": pull.number}, f"#{pull.number} {task.title}"[:200])
