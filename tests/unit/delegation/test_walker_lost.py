"""A walk whose lease is lost: whoever lost it writes nothing more, and the work is not done twice."""

import asyncio
from typing import Any

import pytest

from kyros.collab.errors import LeaseLost
from kyros.collab.model import Lease, Task
from kyros.collab.service.leases import reclaim_resource
from kyros.delegation.model import Run, RunStatus, StepName, StepStatus
from kyros.delegation.service.steps import Made
from kyros.drivers.fake import Hangs
from kyros.engine.model import Again
from tests.unit.delegation.conftest import House


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


class Losing:
    """Leases of which one kind is lost while the agent works."""

    def __init__(self, house: House, lost: str) -> None:
        self._real, self._house, self._lost = house.leases, house, lost
        self.taken_by: str | None = None

    async def heartbeat(self, holder: str, resources: list[str]) -> None:
        if self._house.agent.prompts and resources[0].startswith(self._lost):
            if self.taken_by is not None:
                await self._real.release(holder, resources)
                await self._real.acquire(resources, self.taken_by, 15)
            raise LeaseLost("gone")
        await self._real.heartbeat(holder, resources)

    async def acquire(self, *given: Any) -> list[Lease]:
        return list(await self._real.acquire(*given))

    async def release(self, *given: Any) -> None:
        await self._real.release(*given)


@pytest.mark.parametrize("lost", ["run:", "task:"])
async def test_a_lost_lease_stops_the_work_and_it_is_tried_again(house: House, lost: str) -> None:
    house.lease_seconds = 0.003
    house.agent.script = [Hangs()]
    run = await house.delegate()
    house.leases = Losing(house, lost)  # type: ignore[assignment]
    assert await house.walker().look(run.id) == Again(0.5)
    waiting = await house.runs.get(run.id)
    assert (waiting.status, waiting.tries) == (RunStatus.RUNNING, 1)
    assert not house.agent.sessions[0].is_alive
    assert house.machine.stopped


async def test_a_run_that_went_to_another_worker_is_not_written_to_any_more(house: House) -> None:
    house.lease_seconds = 0.003
    house.agent.script = [Hangs()]
    run = await house.delegate()
    losing = Losing(house, "run:")
    losing.taken_by = "worker-2@boot_7/1"
    house.leases = losing  # type: ignore[assignment]
    assert isinstance(await house.walker().look(run.id), Again)
    theirs = await house.runs.get(run.id)
    assert (theirs.tries, theirs.step(StepName.TURN).status) == (0, StepStatus.RUNNING)


@pytest.mark.parametrize("taken", [True, False])
async def test_a_walk_that_slept_past_its_lease_records_nothing_of_its_step(
    house: House, taken: bool
) -> None:
    """The machine was suspended: no heartbeat was sent, and none failed."""
    real = house.steps[StepName.PUSH]

    async def sleeps(run: Run, task: Task) -> Made:
        made = await real(run, task)
        house.clock.advance(60)
        if taken:
            await house.leases.acquire([f"run:{run.id}"], "worker-2@boot_7/1", 15)
        return made

    house.steps[StepName.PUSH] = sleeps
    run = await house.delegate()
    assert isinstance(await house.walker().look(run.id), Again)
    left = await house.runs.get(run.id)
    status = StepStatus.RUNNING if taken else StepStatus.WAITING
    assert (left.step(StepName.PUSH).status, left.step(StepName.PUSH).data) == (status, {})
    assert left.tries == (0 if taken else 1)


async def test_the_end_of_a_run_that_was_lost_is_not_written_either(house: House) -> None:
    run = await house.delegate()
    give_up = house.machine.stop_all_of

    async def loses(owner: str) -> int:
        if owner == run.id:
            await house.leases.store.write(lambda board: reclaim_resource(board, f"run:{owner}", "op"))
        return await give_up(owner)

    house.machine.stop_all_of = loses  # type: ignore[method-assign]
    house.agent.script = [Hangs()]
    look = asyncio.create_task(house.walker().look(run.id))
    await until(lambda: house.agent.prompts)
    await house.front.stop(run.id, "ada")
    assert isinstance(await look, Again)
    assert (await house.runs.get(run.id)).status is RunStatus.RUNNING


async def test_a_run_lost_while_it_is_opened_is_left_to_who_has_it_then(house: House) -> None:
    house.lease_seconds = 0.003

    async def hangs(run: Run, task: Task) -> Made:
        await house.leases.store.write(lambda board: reclaim_resource(board, f"run:{run.id}", "op"))
        await asyncio.Event().wait()
        raise AssertionError

    house.steps[StepName.BRANCH] = hangs
    with pytest.raises(LeaseLost):
        await house.delegate()
    [run] = await house.runs.page(None, None, None, 9)
    assert (run.status, run.step(StepName.BRANCH).status) == (RunStatus.QUEUED, StepStatus.RUNNING)
