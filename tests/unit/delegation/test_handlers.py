"""The sweep and its kin: what was lost is found, what somebody holds is left alone."""

import asyncio
from typing import Any

import pytest

from kyros.delegation.model import RunStatus
from kyros.engine.model import Again
from kyros.fleet.model import Execution, ExecutionState
from kyros.kernel.clock import to_text
from tests.unit.delegation.conftest import House


async def left_lying(house: House) -> str:
    """A failed run with its worktree, whose pull request was closed."""
    house.scanner.secrets["made.py"] = 1
    run = await house.finished()
    await house.pulls.close(run.pull_id or "", "ada")
    assert run.id in await house.worktrees.lent()
    return run.id


async def sweep(house: House) -> None:
    assert await house.handlers["delegation.sweep"]({}) == Again(30.0)


async def served(house: House) -> None:
    """What is in the queue now, carried out."""
    handlers = {name: handler for name, handler in house.handlers.items() if name != "delegation.sweep"}
    serving = asyncio.create_task(house.queue.serve(handlers, 1))
    async with asyncio.timeout(10):
        while await house.queue.depth():
            await asyncio.sleep(0.01)
    serving.cancel()
    await asyncio.wait([serving])


async def test_a_delegation_is_walked_from_the_queue(house: House) -> None:
    run = await house.delegate()
    await served(house)
    assert (await house.runs.get(run.id)).status is RunStatus.SUCCEEDED


async def test_a_run_whose_nudge_was_lost_is_found(house: House) -> None:
    run = await house.delegate()
    house.queue._jobs.clear()
    await sweep(house)
    await served(house)
    assert (await house.runs.get(run.id)).status is RunStatus.SUCCEEDED


async def test_runs_that_have_ended_are_not_looked_at_again(house: House) -> None:
    await house.finished()
    house.queue._jobs.clear()
    await sweep(house)
    assert await house.queue.depth() == 0


async def test_a_worktree_that_nobody_needs_is_taken_back(house: House) -> None:
    await left_lying(house)
    await sweep(house)
    assert list(await house.worktrees.lent()) == []


async def test_a_failed_runs_worktree_stays_while_its_pull_request_is_open(house: House) -> None:
    house.scanner.secrets["made.py"] = 1
    run = await house.finished()
    await sweep(house)
    assert list(await house.worktrees.lent()) == [run.id]


async def test_the_worktree_of_a_run_somebody_holds_is_left_alone(house: House) -> None:
    run_id = await left_lying(house)
    await house.leases.acquire([f"run:{run_id}"], "worker-2@boot_1/1", 15)
    await sweep(house)
    assert list(await house.worktrees.lent()) == [run_id]
    assert isinstance(await house.handlers["delegation.tidy"]({"run_id": run_id}), Again)
    assert list(await house.worktrees.lent()) == [run_id]
    await house.leases.release("worker-2@boot_1/1", [f"run:{run_id}"])
    assert await house.handlers["delegation.tidy"]({"run_id": run_id}) is None
    assert list(await house.worktrees.lent()) == []


async def test_processes_are_stopped_unless_somebody_works_on_their_run(house: House) -> None:
    house.machine.alive = {"run_dead", "run_held"}
    await house.leases.acquire(["run:run_held"], "worker-1@boot_1/7", 15)
    await sweep(house)
    assert house.machine.stopped == ["run_dead"]
    assert house.machine.alive == {"run_held"}


async def test_after_a_sweep_no_lease_of_it_is_left(house: House) -> None:
    run_id = await left_lying(house)
    await sweep(house)
    assert await house.leases.acquire([f"run:{run_id}"], "anybody", 5)


@pytest.mark.parametrize("broken", ["unfinished", "reconcile", "owners"])
async def test_a_part_that_breaks_keeps_nothing_else_from_being_swept(house: House, broken: str) -> None:
    """And the sweep comes again: a job that fails too often would be dead for good."""
    await left_lying(house)

    async def breaks(*_: Any) -> Any:
        raise OSError("no")

    room: Any = {"unfinished": house.runs, "reconcile": house.tasks, "owners": house.machine}[broken]
    setattr(room, "find" if broken == "reconcile" else broken, breaks)
    await sweep(house)
    assert list(await house.worktrees.lent()) == []


async def test_one_that_cannot_be_given_back_keeps_no_other_lying(house: House) -> None:
    first, second = await left_lying(house), await left_lying(house)
    give_back = house.worktrees.give_back

    async def resists(run_id: str) -> bool:
        if run_id == first:
            raise OSError("no")
        return await give_back(run_id)

    house.worktrees.give_back = resists  # type: ignore[method-assign]
    await sweep(house)
    assert second not in await house.worktrees.lent()


async def test_recordings_of_an_execution_at_work_are_kept(house: House) -> None:
    now = to_text(house.clock())
    await house.executions.create(Execution("exec_1", "fake", "x", None, 1, 1, "ada", now), 9)
    assert not await house.reconciler.has_ended("exec_1")
    await house.executions.end("exec_1", ExecutionState.FAILED, "", now)
    assert await house.reconciler.has_ended("exec_1")
