"""What a pull request says while there is no code on it: somebody works on it, or why nobody does."""

from kyros.collab.service.tasks import Tasks
from kyros.delegation.model import Run, StepName, StepStatus, failed_body, pull_body
from kyros.forge.ports import Forge


class Notice:
    def __init__(self, forge: Forge, tasks: Tasks) -> None:
        self._forge = forge
        self._tasks = tasks

    async def say_failed(self, run: Run, explanation: str) -> None:
        """Instead of promising code for ever."""
        if run.pull_id is not None and run.step(StepName.PUSH).status is not StepStatus.DONE:
            task = await self._tasks.get(run.task_id)
            await self._forge.update_pull(run.pull_id, "kyros", failed_body(task, run.agent, explanation))

    async def say_begun(self, run: Run) -> None:
        """After a retry it holds again."""
        if run.pull_id is not None and run.attempt > 1:
            task = await self._tasks.get(run.task_id)
            await self._forge.update_pull(run.pull_id, "kyros", pull_body(task, run.agent))
