"""Handing over: refused before anything is made, done once however often it is asked."""

import asyncio

import pytest

from kyros.collab.model import TaskQuery
from kyros.delegation.errors import ProjectNotNamed, StepFailed
from kyros.delegation.model import Reason, Run, RunStatus, StepName, StepStatus
from kyros.drivers.errors import AgentNotInstalled, ProfileNotFound
from kyros.fleet.errors import WorktreeBusy
from kyros.forge.errors import BaseNotFound, FileExists, ProjectNotFound, RepositoryNotFound
from kyros.kernel.answers import KeyReused
from kyros.kernel.errors import Conflict, KyrosError
from kyros.kernel.states import MoveRefused
from tests.unit.delegation.conftest import SOURCE, House, order


async def test_branch_and_pull_request_are_there_when_it_answers_and_no_agent_has_run(house: House) -> None:
    made = await house.front.hand_over(order(), "ada", None)
    task_file = await house.forge.read_file(made.project.id, made.run.branch, "TASK.md")
    assert task_file is not None
    assert b"- [ ] it greets" in task_file
    assert (made.pull.head, made.pull.base) == (made.run.branch, "main")
    assert made.run.pull_id == made.pull.id
    assert [step.status for step in made.run.steps] == [StepStatus.DONE] * 2 + [StepStatus.WAITING] * 7
    assert house.agent.prompts == []
    assert await house.queue.depth() == 1


REFUSALS = [
    ({"repo": "/repos/none"}, RepositoryNotFound),
    ({"repo": None}, ProjectNotNamed),
    ({"project": "app"}, ProjectNotNamed),
    ({"repo": None, "project": "none"}, ProjectNotFound),
    ({"base": "none"}, BaseNotFound),
    ({"agent": "none"}, ProfileNotFound),
    ({"agent": "absent"}, AgentNotInstalled),
    ({"repo": "/repos/tasked"}, FileExists),
]


@pytest.mark.parametrize(("change", "error"), REFUSALS)
async def test_what_is_refused_leaves_nothing_behind(
    house: House, change: dict[str, str | None], error: type[KyrosError]
) -> None:
    house.forge.add_source("/repos/tasked", {"TASK.md": b"mine"})
    with pytest.raises(error):
        await house.front.hand_over(order(**change), "ada", "key")
    assert await house.nothing_made()


async def test_an_agent_that_is_missing_is_named_before_the_repository_is_touched(house: House) -> None:
    with pytest.raises(AgentNotInstalled, match="absent is not on the PATH"):
        await house.front.hand_over(order(agent="absent"), "ada", None)
    assert await house.forge.projects() == []


async def test_a_known_project_can_be_named_instead_of_its_repository(house: House) -> None:
    first = await house.front.hand_over(order(), "ada", None)
    second = await house.front.hand_over(order(repo=None, project="app"), "ada", None)
    assert second.project == first.project
    assert second.run.branch != first.run.branch
    assert second.pull.number == 2


async def test_the_same_key_and_order_give_the_same_answer_and_nothing_new(house: House) -> None:
    first = await house.front.hand_over(order(), "ada", "key")
    again = await house.front.hand_over(order(), "ada", "key")
    assert (again.run.id, again.pull) == (first.run.id, first.pull)
    assert len(await house.runs.page(None, None, None, 9)) == len(await house.forge.pulls(None, None, 9)) == 1
    steps = [name for name in await house.told(target=first.run.id) if name.startswith("step_")]
    assert steps == ["step_started", "step_done"] * 2


async def test_the_same_key_with_another_order_is_refused(house: House) -> None:
    await house.front.hand_over(order(), "ada", "key")
    with pytest.raises(KeyReused):
        await house.front.hand_over(order(title="Another"), "ada", "key")
    assert len(await house.tasks.find(TaskQuery())) == 1


async def test_the_same_request_sent_twice_at_once_is_one_delegation(house: House) -> None:
    """A client that lost its connection asks again while the first is still being opened."""
    real, begun = house.steps[StepName.BRANCH], asyncio.Event()

    async def slow(run: Run, task: object) -> object:
        begun.set()
        await asyncio.sleep(0.02)
        return await real(run, task)  # type: ignore[arg-type]

    house.steps[StepName.BRANCH] = slow  # type: ignore[assignment]
    front = house.front
    first = asyncio.create_task(front.hand_over(order(), "ada", "key"))
    await begun.wait()
    again = await front.hand_over(order(), "ada", "key")
    assert (again.run.id, again.pull) == ((await first).run.id, (await first).pull)
    steps = [name for name in await house.told(target=again.run.id) if name.startswith("step_")]
    assert steps == ["step_started", "step_done"] * 2


async def test_opening_that_fails_is_told_and_the_same_request_tries_it_again(house: House) -> None:
    house.break_step(StepName.PULL_REQUEST, WorktreeBusy("git is locked"))
    with pytest.raises(WorktreeBusy):
        await house.front.hand_over(order(), "ada", "key")
    [run] = await house.runs.page(None, None, None, 9)
    assert (run.status, run.reason) == (RunStatus.FAILED, Reason.GIT_BUSY)
    made = await house.front.hand_over(order(), "ada", "key")
    assert (made.run.id, made.run.status) == (run.id, RunStatus.QUEUED)
    await house.walker().look(run.id)
    assert (await house.runs.get(run.id)).status is RunStatus.SUCCEEDED


async def test_opening_that_fails_again_says_so_again(house: House) -> None:
    house.break_step(StepName.BRANCH, Conflict("in the way"), Conflict("still in the way"))
    for words in ("in the way", "still in the way"):
        with pytest.raises(Conflict, match=words):
            await house.front.hand_over(order(), "ada", "key")


async def test_a_run_stopped_before_its_pull_request_is_said_so_when_asked_again(house: House) -> None:
    house.break_step(StepName.BRANCH, WorktreeBusy("locked"))
    with pytest.raises(WorktreeBusy):
        await house.front.hand_over(order(), "ada", "key")
    [run] = await house.runs.page(None, None, None, 9)
    await house.front.retry(run.id, "ada")
    await house.front.stop(run.id, "ada")
    await house.walker().look(run.id)
    with pytest.raises(StepFailed, match="Stopped by a person"):
        await house.front.hand_over(order(), "ada", "key")
    assert await house.forge.pulls(None, None, 9) == []


async def test_two_orders_with_one_title_get_two_branches(house: House) -> None:
    runs = [await house.delegate() for _ in range(3)]
    assert len({run.branch for run in runs}) == 3


async def test_a_hostile_title_opens_a_plain_branch(house: House) -> None:
    made = await house.front.hand_over(order(title="$(rm -rf /); ../../`x`\n--force 🦉"), "ada", None)
    assert made.run.branch.startswith("feature/rm-rf-x-force-")


async def test_stopping_twice_is_one_stop(house: House) -> None:
    run = await house.delegate()
    await house.front.stop(run.id, "ada")
    await house.front.stop(run.id, "ada")
    assert (await house.told()).count("run_stop_asked") == 1


async def test_stop_all_stops_what_is_unfinished_and_nothing_else(house: House) -> None:
    done, going = await house.finished(), await house.delegate()
    assert [run.id for run in await house.front.stop_all("ada")] == [going.id]
    assert not (await house.runs.get(done.id)).stop_asked


async def test_a_retry_pressed_twice_is_one_retry(house: House) -> None:
    house.agent.files = {}
    run = await house.finished()
    first, second = await asyncio.gather(house.front.retry(run.id, "ada"), house.front.retry(run.id, "bob"))
    assert (first.attempt, second.attempt) == (2, 2)
    assert (await house.told(target=run.id)).count("run_queued") == 1


async def test_a_run_that_is_going_is_not_retried(house: House) -> None:
    run = await house.delegate()
    assert await house.front.retry(run.id, "ada") == run


async def test_a_run_whose_pull_request_is_over_is_not_retried(house: House) -> None:
    house.agent.files = {}
    run = await house.finished()
    await house.pulls.close(run.pull_id or "", "ada")
    with pytest.raises(MoveRefused, match="closed"):
        await house.front.retry(run.id, "ada")


async def test_the_source_is_only_read(house: House) -> None:
    await house.finished()
    assert house.forge._sources[SOURCE][1].keys() == {"README.md", "kyros.toml"}
    assert house.forge.pushed == []
