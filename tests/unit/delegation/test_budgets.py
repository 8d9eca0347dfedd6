"""A run whose budget is used up waits for a person, and goes on where its agent left off."""

import pytest

from kyros.collab.model import Budget, TaskStatus
from kyros.delegation.model import Reason, Run, RunStatus, StepName, digest_of
from kyros.delegation.service.work import GO_ON
from kyros.drivers.fake import Hangs
from kyros.drivers.model import ResultKind
from kyros.fleet.errors import BudgetReached
from kyros.fleet.model.budget import Scope
from kyros.kernel.answers import Once
from kyros.kernel.states import MoveRefused
from tests.unit.delegation.conftest import House, order

SHORT = Budget(minutes=0.002)


async def blocked(house: House) -> Run:
    """Its agent has written made.py and hangs until its minutes are used up."""
    house.agent.script = [Hangs()]
    run = (await house.front.hand_over(order(budget=SHORT), "ada", None)).run
    assert await house.walker().look(run.id) is None
    return await house.runs.get(run.id)


async def test_a_turn_whose_budget_is_used_up_blocks_run_and_task(house: House) -> None:
    run = await blocked(house)
    task = await house.task(run)
    assert (run.status, run.reason, task.status) == (RunStatus.BLOCKED, Reason.BUDGET, TaskStatus.BLOCKED)
    assert "The budget run/" in (run.explanation or "")
    (turn,) = await house.turns.of_run(run.id)
    assert (turn.result_kind, turn.evidence) == (ResultKind.BLOCKED, "budget")
    told = await house.told(target=run.id)
    assert told.count("budget_reached") == 1
    assert "run_blocked" in told
    assert not house.agent.sessions[0].is_alive
    assert list(await house.worktrees.lent()) == [run.id]
    assert await house.leases.acquire([f"task:{run.task_id}"], "somebody else", 5)


async def test_nobody_walks_it_until_a_person_says_so(house: House) -> None:
    run = await blocked(house)
    assert await house.walker().look(run.id) is None
    assert await house.runs.get(run.id) == run
    assert run.id not in await house.runs.unfinished()
    assert len(house.agent.prompts) == 1


async def test_with_more_it_goes_on_in_the_same_folder(house: House) -> None:
    run = await blocked(house)
    house.worktrees.write(run.id, "half.py", b"half\n")
    house.agent.script, house.agent.files = [], {}
    granted = await house.front.grant(run.id, Budget(minutes=5), "ada")
    assert (granted.status, granted.attempt) == (RunStatus.QUEUED, 2)
    assert (granted.budget.minutes or 0) > 5
    await house.walker().look(run.id)
    ended = await house.runs.get(run.id)
    assert ended.status is RunStatus.SUCCEEDED
    assert house.agent.prompts[1].endswith(GO_ON)
    assert await house.forge.read_file(run.project_id, run.branch, "half.py") == b"half\n"
    assert await house.forge.read_file(run.project_id, run.branch, "made.py") == b"made\n"
    assert [turn.wake_reason for turn in await house.turns.of_run(run.id)] == ["delegation", "budget"]


async def test_a_retry_without_more_is_blocked_again_and_keeps_the_folder(house: House) -> None:
    run = await blocked(house)
    house.worktrees.write(run.id, "half.py", b"half\n")
    await house.front.retry(run.id, "ada")
    await house.walker().look(run.id)
    again = await house.runs.get(run.id)
    assert (again.status, again.reason) == (RunStatus.BLOCKED, Reason.BUDGET)
    assert len(house.agent.prompts) == 1
    assert house.worktrees.files(run.id)["half.py"] == b"half\n"
    assert (await house.told(target=run.id)).count("budget_reached") == 1


async def test_a_day_used_up_keeps_the_agent_from_beginning(house: House) -> None:
    await house.finished()
    await house.budgets.set(Scope.DAY, "*", Budget(minutes=0.000_01), "ada")
    run = await house.delegate()
    await house.walker().look(run.id)
    run = await house.runs.get(run.id)
    assert (run.status, run.reason) == (RunStatus.BLOCKED, Reason.BUDGET)
    assert list(await house.turns.of_run(run.id)) == []
    await house.budgets.set(Scope.DAY, "*", Budget(), "ada")
    await house.front.retry(run.id, "ada")
    await house.walker().look(run.id)
    assert (await house.runs.get(run.id)).status is RunStatus.SUCCEEDED
    assert not house.agent.prompts[-1].endswith(GO_ON)


async def test_a_run_that_waits_for_its_budget_can_be_stopped(house: House) -> None:
    run = await blocked(house)
    await house.front.stop(run.id, "ada")
    await house.walker().look(run.id)
    stopped = await house.runs.get(run.id)
    assert (stopped.status, stopped.reason) == (RunStatus.CANCELLED, Reason.STOPPED)


async def test_more_for_a_run_that_works_does_not_touch_its_walk(house: House) -> None:
    run = (await house.front.hand_over(order(budget=Budget(tokens=10)), "ada", None)).run
    granted = await house.front.grant(run.id, Budget(tokens=5, usd=1.0), "ada")
    assert granted.budget == Budget(tokens=15)
    assert (granted.status, granted.attempt) == (run.status, run.attempt)
    assert granted.step(StepName.BRANCH) == run.step(StepName.BRANCH)


@pytest.mark.parametrize(
    ("scope", "key", "name"),
    [
        (Scope.DAY, "*", r"day/\*"), (Scope.AGENT, "fake", "agent/fake"), (Scope.RUN, "*", r"run/\*"),
        (Scope.TASK, "*", r"task/\*"), (Scope.PROJECT, "*", r"project/\*"),
    ],
)  # fmt: skip
async def test_more_that_another_budget_would_hold_up_is_refused_by_its_name(
    house: House, scope: Scope, key: str, name: str
) -> None:
    run = await blocked(house)
    await house.budgets.set(scope, key, SHORT, "ada")
    with pytest.raises(BudgetReached, match=f"The budget {name}"):
        await house.front.grant(run.id, Budget(minutes=5), "ada")
    assert await house.runs.get(run.id) == run
    await house.budgets.set(scope, key, Budget(), "ada")
    assert (await house.front.grant(run.id, Budget(minutes=5), "ada")).status is RunStatus.QUEUED


async def test_more_of_another_measure_is_refused(house: House) -> None:
    run = await blocked(house)
    with pytest.raises(BudgetReached, match="give it more of that"):
        await house.front.grant(run.id, Budget(tokens=5), "ada")


async def test_more_under_the_same_key_lets_it_go_on_once(house: House) -> None:
    run, once = await blocked(house), Once("ada", "k", "d")
    first = await house.front.grant(run.id, Budget(minutes=0.002), "ada", once)
    house.agent.script = [Hangs()]
    await house.walker().look(run.id)
    again = await house.front.grant(run.id, Budget(minutes=0.002), "ada", once)
    assert (again.status, again.attempt, again.budget) == (RunStatus.BLOCKED, 2, first.budget)


async def test_an_ended_run_takes_no_more(house: House) -> None:
    run = await house.finished()
    with pytest.raises(MoveRefused):
        await house.front.grant(run.id, Budget(tokens=5), "ada")


def test_a_request_without_a_budget_has_the_digest_it_always_had() -> None:
    assert digest_of(order()) == digest_of(order(budget=Budget()))
    assert digest_of(order()) != digest_of(order(budget=SHORT))
