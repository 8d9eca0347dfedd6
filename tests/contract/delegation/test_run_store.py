"""What every RunStore promises."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from kyros.collab.errors import LeaseLost
from kyros.collab.model import Budget, Fence, NewTask, TaskQuery
from kyros.collab.service.leases import Leases
from kyros.collab.service.tasks import Tasks
from kyros.delegation.errors import RunNotFound
from kyros.delegation.model import NewRun, Reason, Run, RunStatus, StepName, StepStatus
from kyros.delegation.ports import RunStore
from kyros.engine.model import NewJob
from kyros.fleet.model import Spent
from kyros.kernel.answers import KeyReused, Once
from kyros.kernel.states import MoveRefused

TASK = NewTask("prj_1", "Greet 🦉", "Say hello.", "", ("it greets",))
FENCE = Fence("run:run_1", "worker/1", 1)
NOON = "2026-11-20T12:00:00.000000Z"


def new_run(
    run_id: str = "run_1", key: str | None = None, digest: str = "d", project: str = "prj_1"
) -> NewRun:
    return NewRun(run_id, project, "playbook", "feature/greet-1", "main", 60.0, key, digest)


async def made(runs: RunStore, run_id: str = "run_1", project: str = "prj_1") -> Run:
    run, created = await runs.create(new_run(run_id, project=project), TASK, "ada")
    assert created
    return run


async def ended(runs: RunStore, to: RunStatus = RunStatus.FAILED, run_id: str = "run_1") -> Run:
    await runs.move(run_id, RunStatus.RUNNING, "kyros", FENCE)
    return await runs.move(run_id, to, "kyros", FENCE, Reason.NO_CHANGES, "Nothing differs.")


def look(delay_seconds: float) -> NewJob:
    return NewJob("delegation.run", {"run_id": "run_1"}, "run:run_1", delay_seconds)


async def test_a_new_run_is_queued_with_its_task_and_nine_waiting_steps(runs: RunStore, tasks: Tasks) -> None:
    run = await made(runs)
    assert (run.status, run.attempt, run.tries, run.stop_asked) == (RunStatus.QUEUED, 1, 0, False)
    assert [step.name for step in run.steps] == list(StepName)
    assert {(step.status, step.attempt, step.note) for step in run.steps} == {(StepStatus.WAITING, 0, "")}
    assert (run.agent, run.branch, run.base, run.timeout_seconds) == (
        "playbook", "feature/greet-1", "main", 60.0,
    )  # fmt: skip
    assert (run.created_at, run.started_at, run.ended_at, run.pull_id) == (NOON, None, None, None)
    assert (await tasks.get(run.task_id)).title == "Greet 🦉"
    assert await runs.get("run_1") == run


async def test_creating_reports_it_and_lets_a_worker_look_after_the_delay(
    runs: RunStore, outbox: Any, queue: Any
) -> None:
    run = await made(runs)
    task, created = outbox.events
    assert (task.event, created.event) == ("task_created", "run_created")
    assert (created.actor, created.target) == ("ada", "run_1")
    assert created.details == {
        "run_id": "run_1", "project_id": "prj_1", "task_id": run.task_id, "agent": "playbook",
    }  # fmt: skip
    assert queue.handed == [look(7)]


async def test_the_same_key_and_request_give_the_first_run_and_no_second_task(
    runs: RunStore, tasks: Tasks, queue: Any
) -> None:
    first, _ = await runs.create(new_run(key="k"), TASK, "ada")
    second, created = await runs.create(new_run("run_2", key="k"), TASK, "ada")
    assert (second, created) == (first, False)
    assert len(await tasks.find(TaskQuery())) == len(queue.handed) == 1
    assert await runs.by_key("k") == (first, "d")
    assert await runs.by_key("other") is None


async def test_the_same_key_with_another_request_is_refused_and_makes_nothing(
    runs: RunStore, tasks: Tasks
) -> None:
    await runs.create(new_run(key="k"), TASK, "ada")
    with pytest.raises(KeyReused):
        await runs.create(new_run("run_2", key="k", digest="another"), TASK, "ada")
    assert len(await tasks.find(TaskQuery())) == 1
    with pytest.raises(RunNotFound):
        await runs.get("run_2")


async def test_of_many_with_one_key_at_once_one_creates(runs: RunStore, tasks: Tasks) -> None:
    answers = await asyncio.gather(
        *(runs.create(new_run(f"run_{n}", key="k"), TASK, "ada") for n in range(8))
    )
    assert sorted(created for _, created in answers) == [False] * 7 + [True]
    assert len({run.id for run, _ in answers}) == 1
    assert len(await tasks.find(TaskQuery())) == 1


async def test_runs_without_key_are_each_their_own(runs: RunStore) -> None:
    await made(runs, "run_1")
    await made(runs, "run_2")
    assert [run.id for run in await runs.page(None, None, None, 10)] == ["run_2", "run_1"]


@pytest.mark.parametrize("breaks", ["outbox", "queue"])
async def test_without_its_event_or_its_job_nothing_is_written(
    runs: RunStore, outbox: Any, queue: Any, breaks: str
) -> None:
    run = await made(runs)
    failed = await ended(runs)
    (outbox if breaks == "outbox" else queue).broken = True
    with pytest.raises(OSError, match="no room"):
        await runs.create(new_run("run_2", key="k"), TASK, "ada")
    with pytest.raises(OSError, match="no room"):
        await runs.requeue("run_1", "ada", StepName.LEASE)
    assert await runs.page(None, None, None, 10) == [failed]
    assert await runs.by_key("k") is None
    assert run.id == failed.id


async def test_a_step_is_recorded_as_done_and_the_next_as_begun_together(
    runs: RunStore, clock: Any, outbox: Any
) -> None:
    await made(runs)
    begun = await runs.advance("run_1", None, {}, "", StepName.BRANCH, FENCE)
    step = begun.step(StepName.BRANCH)
    assert (step.status, step.attempt, step.started_at, step.ended_at) == (StepStatus.RUNNING, 1, NOON, None)
    clock.advance(2)
    run = await runs.advance(
        "run_1", StepName.BRANCH, {"sha": "abc", "of": ["x", True]}, "made", StepName.PULL_REQUEST, FENCE
    )
    done, following = run.step(StepName.BRANCH), run.step(StepName.PULL_REQUEST)
    assert (done.status, done.note, done.data) == (StepStatus.DONE, "made", {"sha": "abc", "of": ["x", True]})
    assert done.ended_at == following.started_at == "2026-11-20T12:00:02.000000Z"
    assert following.status is StepStatus.RUNNING
    assert await runs.get("run_1") == run
    assert outbox.names()[2:] == ["step_started", "step_done", "step_started"]
    details = {"run_id": "run_1", "project_id": "prj_1", "step": "branch", "note": "made"}
    assert outbox.events[-2].details == details


async def test_a_run_keeps_its_budget_and_may_be_given_another(runs: RunStore, outbox: Any) -> None:
    budget = Budget(tokens=2**40, usd=1.5, minutes=0.5)
    run, _ = await runs.create(replace(new_run(), budget=budget), TASK, "ada")
    assert run.budget == budget
    granted, is_new = await runs.grant("run_1", Budget(minutes=9), Spent(minutes=2), "bob")
    assert granted == await runs.get("run_1") == replace(run, budget=replace(budget, minutes=11))
    assert is_new
    event = outbox.events[-1]
    assert (event.event, event.actor, event.target) == ("run_budget_set", "bob", "run_1")
    assert event.details["minutes"] == 11
    with pytest.raises(RunNotFound):
        await runs.grant("run_9", Budget(), Spent(), "bob")


async def test_of_two_who_give_more_at_once_both_count(runs: RunStore) -> None:
    await runs.create(replace(new_run(), budget=Budget(minutes=1)), TASK, "ada")
    more = [runs.grant("run_1", Budget(minutes=5), Spent(), name) for name in ("ada", "bob")]
    await asyncio.gather(*more)
    assert (await runs.get("run_1")).budget == Budget(minutes=11)


async def test_more_under_the_same_key_is_given_once(runs: RunStore, outbox: Any) -> None:
    await runs.create(replace(new_run(), budget=Budget(minutes=1)), TASK, "ada")
    once, other = Once("ada", "k", "d1"), Once("ada", "k", "d2")
    assert (await runs.grant("run_1", Budget(minutes=5), Spent(), "ada", once))[1]
    run, is_new = await runs.grant("run_1", Budget(minutes=5), Spent(), "ada", once)
    assert (run.budget, is_new) == (Budget(minutes=6), False)
    assert outbox.names().count("run_budget_set") == 1
    with pytest.raises(KeyReused):
        await runs.grant("run_1", Budget(minutes=5), Spent(), "ada", other)
    assert (await runs.grant("run_1", Budget(minutes=5), Spent(), "bob", Once("bob", "k", "d2")))[1]


async def test_a_run_that_has_ended_takes_no_more(runs: RunStore) -> None:
    await made(runs)
    await runs.move("run_1", RunStatus.CANCELLED, "kyros", FENCE)
    with pytest.raises(MoveRefused):
        await runs.grant("run_1", Budget(minutes=5), Spent(), "ada")


async def test_the_last_step_begins_nothing(runs: RunStore, outbox: Any) -> None:
    await made(runs)
    await runs.advance("run_1", None, {}, "", StepName.REPORT, FENCE)
    run = await runs.advance("run_1", StepName.REPORT, {}, "", None, FENCE)
    assert run.step(StepName.REPORT).status is StepStatus.DONE
    assert outbox.names()[-2:] == ["step_started", "step_done"]


async def test_a_step_begun_again_counts_its_attempts_and_forgets_how_it_ended(runs: RunStore) -> None:
    await made(runs)
    await runs.advance("run_1", None, {}, "", StepName.TURN, FENCE)
    await runs.fail_step("run_1", StepName.TURN, "broken", FENCE)
    failed = (await runs.get("run_1")).step(StepName.TURN)
    assert (failed.status, failed.note, failed.ended_at) == (StepStatus.FAILED, "broken", NOON)
    again = (await runs.advance("run_1", None, {}, "", StepName.TURN, FENCE)).step(StepName.TURN)
    assert (again.status, again.attempt, again.note, again.ended_at) == (StepStatus.RUNNING, 2, "", None)


async def test_a_step_put_off_waits_and_the_tries_of_a_step_end_with_it(runs: RunStore, outbox: Any) -> None:
    await made(runs)
    for tries in (1, 2):
        await runs.advance("run_1", None, {}, "", StepName.PUSH, FENCE)
        run = await runs.try_again("run_1", StepName.PUSH, "locked", FENCE)
        assert (run.tries, run.step(StepName.PUSH).status) == (tries, StepStatus.WAITING)
    assert outbox.names()[-1] == "step_put_off"
    await runs.advance("run_1", None, {}, "", StepName.PUSH, FENCE)
    assert (await runs.advance("run_1", StepName.PUSH, {}, "", StepName.REPORT, FENCE)).tries == 0


async def test_moves_follow_the_table_and_are_reported_with_their_reason(
    runs: RunStore, clock: Any, outbox: Any
) -> None:
    made_run = await made(runs)
    clock.advance(1)
    running = await runs.move("run_1", RunStatus.RUNNING, "kyros", FENCE)
    assert running.started_at == "2026-11-20T12:00:01.000000Z"
    clock.advance(1)
    failed = await runs.move("run_1", RunStatus.FAILED, "kyros", FENCE, Reason.DISK_FULL, "Free some space.")
    assert (failed.reason, failed.explanation) == (Reason.DISK_FULL, "Free some space.")
    assert failed.ended_at == "2026-11-20T12:00:02.000000Z"
    event = outbox.events[-1]
    assert (event.event, event.actor, event.target) == ("run_failed", "kyros", "run_1")
    assert event.details == {
        "run_id": "run_1",
        "project_id": "prj_1",
        "task_id": made_run.task_id,
        "old_status": "running",
        "new_status": "failed",
        "pull_id": None,
        "reason": "disk_full",
    }
    with pytest.raises(MoveRefused):
        await runs.move("run_1", RunStatus.SUCCEEDED, "kyros", FENCE)


async def test_moving_to_the_state_it_is_in_changes_nothing(runs: RunStore, outbox: Any) -> None:
    await made(runs)
    failed = await ended(runs)
    before = outbox.names()
    assert await runs.move("run_1", RunStatus.FAILED, "kyros", FENCE, Reason.INTERNAL, "Another.") == failed
    assert outbox.names() == before


async def test_a_stop_is_remembered_reported_once_and_looked_at_at_once(
    runs: RunStore, outbox: Any, queue: Any
) -> None:
    await made(runs)
    assert (await runs.ask_stop("run_1", "ada")).stop_asked
    again = await runs.ask_stop("run_1", "bob")
    assert again.stop_asked
    assert outbox.names().count("run_stop_asked") == 1
    assert queue.handed[1:] == [look(0)]


async def test_a_run_that_has_ended_is_not_stopped(runs: RunStore, outbox: Any) -> None:
    await made(runs)
    failed = await ended(runs)
    assert await runs.ask_stop("run_1", "ada") == failed
    assert "run_stop_asked" not in outbox.names()


async def test_a_requeued_run_waits_again_from_a_step_on_and_keeps_what_came_before(
    runs: RunStore, queue: Any, outbox: Any
) -> None:
    await made(runs)
    await runs.advance("run_1", None, {}, "", StepName.BRANCH, FENCE)
    await runs.advance("run_1", StepName.BRANCH, {"sha": "abc"}, "made", StepName.LEASE, FENCE)
    await runs.try_again("run_1", StepName.LEASE, "held", FENCE)
    await runs.ask_stop("run_1", "ada")
    await ended(runs, RunStatus.CANCELLED)
    run = await runs.requeue("run_1", "bob", StepName.LEASE)
    assert (run.status, run.attempt, run.tries, run.stop_asked) == (RunStatus.QUEUED, 2, 0, False)
    assert (run.reason, run.explanation, run.ended_at) == (None, None, None)
    assert run.step(StepName.BRANCH).data == {"sha": "abc"}
    lease = run.step(StepName.LEASE)
    assert (lease.status, lease.attempt, lease.note, lease.started_at) == (StepStatus.WAITING, 1, "", None)
    assert queue.handed[-1] == look(0)
    assert (outbox.events[-1].event, outbox.events[-1].actor) == ("run_queued", "bob")
    assert await runs.get("run_1") == run


async def test_requeueing_a_run_that_is_going_changes_nothing(
    runs: RunStore, outbox: Any, queue: Any
) -> None:
    """Two people press retry; the second comes when a worker already walks."""
    await made(runs)
    await ended(runs)
    await runs.requeue("run_1", "ada", StepName.BRANCH)
    await runs.move("run_1", RunStatus.RUNNING, "kyros", FENCE)
    walked = await runs.advance("run_1", None, {}, "", StepName.BRANCH, FENCE)
    before, jobs = outbox.names(), len(queue.handed)
    assert await runs.requeue("run_1", "bob", StepName.BRANCH) == walked
    assert await runs.get("run_1") == walked
    assert (outbox.names(), len(queue.handed)) == (before, jobs)


async def test_a_run_that_succeeded_is_never_requeued(runs: RunStore) -> None:
    await made(runs)
    done = await ended(runs, RunStatus.SUCCEEDED)
    with pytest.raises(MoveRefused):
        await runs.requeue("run_1", "ada", StepName.BRANCH)
    assert await runs.get("run_1") == done


async def test_the_newest_run_of_a_pull_and_all_of_a_task_are_found(runs: RunStore) -> None:
    older, newer = await made(runs, "run_1"), await made(runs, "run_2")
    for run in (older, newer):
        await runs.set_pull(run.id, "pull_1")
    found = await runs.by_pull("pull_1")
    assert found is not None
    assert found.id == "run_2"
    assert await runs.by_pull("pull_9") is None
    assert [run.id for run in await runs.of_task(older.task_id)] == ["run_1"]
    assert await runs.of_task("T-999") == []


async def test_which_branches_runs_of_a_project_have_or_began_from(runs: RunStore) -> None:
    mine = await made(runs, "run_1", "prj_1")
    other = await made(runs, "run_2", "prj_2")
    assert mine.branch != mine.base
    asked = [mine.branch, mine.base, "feature/nobody", *(f"feature/{number}" for number in range(1_200))]
    assert set(await runs.branches_among("prj_1", asked)) == {mine.branch, mine.base}
    assert set(await runs.branches_among("prj_2", [other.branch])) == {other.branch}
    assert set(await runs.branches_among("prj_3", asked)) == set()


async def test_a_page_is_newest_first_limited_and_filtered(runs: RunStore) -> None:
    for number in range(1, 6):
        await made(runs, f"run_{number}", f"prj_{number % 2}")
    await ended(runs, run_id="run_3")
    assert [run.id for run in await runs.page(None, None, None, 2)] == ["run_5", "run_4"]
    assert [run.id for run in await runs.page(None, None, "run_4", 2)] == ["run_3", "run_2"]
    assert [run.id for run in await runs.page(None, "prj_1", None, 9)] == ["run_5", "run_3", "run_1"]
    assert [run.id for run in await runs.page(RunStatus.FAILED, "prj_1", None, 9)] == ["run_3"]
    assert await runs.page(RunStatus.FAILED, "prj_0", None, 9) == []


async def test_only_queued_and_running_runs_are_unfinished(runs: RunStore) -> None:
    for number in range(1, 4):
        await made(runs, f"run_{number}")
    await ended(runs, run_id="run_2")
    await runs.move("run_3", RunStatus.RUNNING, "kyros", FENCE)
    assert list(await runs.unfinished()) == ["run_1", "run_3"]


async def test_an_unknown_run_is_not_found(runs: RunStore) -> None:
    for call in (
        runs.get("run_9"),
        runs.advance("run_9", None, {}, "", StepName.BRANCH, FENCE),
        runs.try_again("run_9", StepName.BRANCH, "", FENCE),
        runs.move("run_9", RunStatus.RUNNING, "kyros", FENCE),
        runs.ask_stop("run_9", "ada"),
        runs.requeue("run_9", "ada", StepName.BRANCH),
    ):
        with pytest.raises(RunNotFound, match="run_9"):
            await call


async def test_a_projects_check_command_is_set_replaced_and_taken_away(runs: RunStore, outbox: Any) -> None:
    assert await runs.project_checks("prj_1") is None
    for command in ("make test", "tox", None):
        await runs.set_project_checks("prj_1", command, "ada")
        assert await runs.project_checks("prj_1") == command
    assert outbox.events[-1].details == {"project_id": "prj_1", "command": None}
    assert outbox.names() == ["project_checks_set"] * 3


@pytest.mark.parametrize("lost", ["ran out", "taken over", "another's"])
async def test_a_walk_that_lost_its_run_records_nothing(
    runs: RunStore, leases: Leases, outbox: Any, clock: Any, lost: str
) -> None:
    await made(runs)
    run = await runs.advance("run_1", None, {}, "", StepName.TURN, FENCE)
    fence = FENCE
    if lost == "another's":
        fence = Fence("run:run_1", "worker/2", 1)
    else:
        clock.advance(86_400)
    if lost == "taken over":
        await leases.acquire(["run:run_1"], "worker/1", 15)
    before = outbox.names()
    for write in (
        runs.advance("run_1", StepName.TURN, {"sha": "abc"}, "late", StepName.CHECKS, fence),
        runs.fail_step("run_1", StepName.TURN, "late", fence),
        runs.try_again("run_1", StepName.TURN, "late", fence),
        runs.move("run_1", RunStatus.RUNNING, "kyros", fence),
    ):
        with pytest.raises(LeaseLost):
            await write
    assert await runs.get("run_1") == run
    assert outbox.names() == before


async def test_what_a_run_proves_is_noted_on_its_task(runs: RunStore, tasks: Tasks) -> None:
    run = await made(runs)

    async def facts() -> dict[str, str]:
        return dict((await tasks.get(run.task_id)).facts)

    assert await facts() == {"run_id": "run_1", "run_status": "queued"}
    await runs.move("run_1", RunStatus.RUNNING, "kyros", FENCE)
    await runs.set_pull("run_1", "pull_1")
    await runs.note_facts("run_1", {"checks": "failed"})
    await runs.move("run_1", RunStatus.FAILED, "kyros", FENCE, Reason.CHECKS_FAILED, "Red.")
    assert await facts() == {
        "run_id": "run_1", "run_status": "failed", "run_reason": "checks_failed", "pull_id": "pull_1",
        "pull_status": "open", "checks": "failed",
    }  # fmt: skip
    await runs.requeue("run_1", "ada", StepName.LEASE)
    assert (await facts())["run_status"] == "queued"
    assert "run_reason" not in await facts()


async def test_without_the_note_on_its_task_a_run_does_not_move(runs: RunStore, outbox: Any) -> None:
    run = await made(runs)
    outbox.broken = True
    with pytest.raises(OSError, match="no room"):
        await runs.move("run_1", RunStatus.RUNNING, "kyros", FENCE)
    assert await runs.get("run_1") == run
