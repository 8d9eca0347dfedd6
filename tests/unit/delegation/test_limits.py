"""A vendor's usage limit pauses its profile: its runs wait and go on by themselves, no others do."""

from dataclasses import replace

import pytest

from kyros.collab.model import Budget
from kyros.delegation.model import Run, RunStatus, StepName, StepStatus
from kyros.delegation.service.work import GO_ON
from kyros.drivers.fake import Ends, FakeProfiles, Hangs, Says, fake_profile
from kyros.drivers.model import Outcome, ResultKind
from kyros.engine.model import Again
from tests.unit.delegation.conftest import House, order

NOTICE = "\x1b[31mYou've hit your usage limit. Try again in 2 hours.\x1b[0m\r\n"
REFUSED = Outcome(ResultKind.FAILED, "vendor_error", "It was refused.")


@pytest.fixture(autouse=True)
def limited(house: House) -> None:
    known = {name: fake_profile(name) for name in ("fake", "other")}
    known["fake"] = replace(known["fake"], usage_limit=r"usage limit\. Try again (.+)\.")
    profiles = FakeProfiles(known)
    house.profiles.profiles.update(profiles.profiles)  # type: ignore[attr-defined]
    house.agent.script = [Says(NOTICE), Ends(REFUSED)]


async def waiting(house: House) -> Run:
    run = await house.delegate()
    answer = await house.walker().look(run.id)
    assert isinstance(answer, Again)
    assert answer.after_seconds == pytest.approx(7_200, abs=5)
    return await house.runs.get(run.id)


async def test_the_run_waits_in_the_queue_and_says_why(house: House) -> None:
    run = await waiting(house)
    assert (run.status, run.reason, run.tries) == (RunStatus.QUEUED, None, 0)
    assert "usage limit" in (run.explanation or "")
    assert run.step(StepName.TURN).status is StepStatus.WAITING
    (turn,) = await house.turns.of_run(run.id)
    assert (turn.result_kind, turn.evidence) == (ResultKind.FAILED, "usage_limit")
    assert (await house.pauses.all())["fake"].notice == "usage limit. Try again in 2 hours."


async def test_looked_at_early_it_waits_on_and_nothing_is_begun(house: House) -> None:
    run = await waiting(house)
    house.clock.advance(3_600)
    told = await house.told()
    answer = await house.walker().look(run.id)
    assert await house.told() == told
    assert isinstance(answer, Again)
    assert answer.after_seconds == pytest.approx(3_600, abs=5)
    assert (len(house.agent.prompts), (await house.runs.get(run.id)).status) == (1, RunStatus.QUEUED)
    assert (await house.told()).count("profile_paused") == 1


async def test_what_a_budget_ended_pauses_nobody_whatever_was_printed(house: House) -> None:
    house.agent.script = [Says(NOTICE), Hangs()]
    run = (await house.front.hand_over(order(budget=Budget(minutes=0.002)), "ada", None)).run
    await house.walker().look(run.id)
    assert (await house.runs.get(run.id)).waits_for_budget
    assert await house.pauses.all() == {}


async def test_once_it_is_over_the_run_goes_on_where_it_was(house: House) -> None:
    run = await waiting(house)
    house.worktrees.write(run.id, "half.py", b"half\n")
    house.clock.advance(7_300)
    house.agent.script = []
    await house.handlers["delegation.sweep"]({})
    assert "profile_resumed" in await house.told()
    assert await house.walker().look(run.id) is None
    assert (await house.runs.get(run.id)).status is RunStatus.SUCCEEDED
    assert house.agent.prompts[-1].endswith(GO_ON)
    assert [turn.wake_reason for turn in await house.turns.of_run(run.id)] == ["delegation", "limit"]
    assert await house.forge.read_file(run.project_id, run.branch, "half.py") == b"half\n"


async def test_other_runs_of_the_profile_wait_before_they_begin_and_those_of_others_do_not(
    house: House,
) -> None:
    await waiting(house)
    second = await house.delegate()
    assert isinstance(await house.walker().look(second.id), Again)
    assert list(await house.turns.of_run(second.id)) == []
    house.agent.script = []
    third = (await house.front.hand_over(order(agent="other"), "ada", None)).run
    await house.walker().look(third.id)
    assert (await house.runs.get(third.id)).status is RunStatus.SUCCEEDED


async def test_a_person_may_end_the_pause(house: House) -> None:
    run = await waiting(house)
    house.agent.script = []
    assert [await house.front.resume("fake", "ada") for _ in range(2)] == [True, False]
    await house.walker().look(run.id)
    assert (await house.runs.get(run.id)).status is RunStatus.SUCCEEDED


async def test_a_run_that_waits_can_be_stopped(house: House) -> None:
    run = await waiting(house)
    await house.front.stop(run.id, "ada")
    await house.walker().look(run.id)
    assert (await house.runs.get(run.id)).status is RunStatus.CANCELLED


async def test_an_agent_that_ends_well_is_believed_whatever_it_prints(house: House) -> None:
    house.agent.script = [Says(NOTICE)]
    assert (await house.finished()).status is RunStatus.SUCCEEDED
    assert await house.pauses.all() == {}
