"""The walk of a run: every step once and in order, from anywhere, under its lease, until it ends."""

import asyncio
from typing import Any

import pytest

from kyros.collab.errors import LeaseHeld, LeaseLost
from kyros.collab.model import Task, TaskStatus
from kyros.collab.service.leases import reclaim_resource
from kyros.delegation.errors import SettingsInvalid
from kyros.delegation.model import Reason, Run, RunStatus, StepName, StepStatus
from kyros.delegation.service.steps import Made, failed
from kyros.drivers.errors import AgentNotInstalled
from kyros.drivers.fake import Ends, Hangs
from kyros.drivers.model import Outcome, ResultKind
from kyros.engine.model import Again
from kyros.fleet.errors import AgentKeepsFailing, PoolBusy, PushRefused, WorktreeBusy
from kyros.fleet.model import CheckResult
from kyros.forge.errors import BranchMoved, UpstreamRefused
from kyros.forge.model import Verdict
from kyros.kernel.errors import Conflict, DiskFull
from tests.unit.delegation.conftest import House


async def walked(house: House) -> tuple[Run, Task]:
    run = await house.finished()
    return run, await house.task(run)


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


async def test_a_walk_takes_every_step_once_and_in_order(house: House) -> None:
    run, task = await walked(house)
    assert (run.status, run.reason, task.status) == (RunStatus.SUCCEEDED, None, TaskStatus.REVIEW)
    assert [(step.status, step.attempt) for step in run.steps] == [(StepStatus.DONE, 1)] * 9
    steps = [name for name in await house.told(target=run.id) if name.startswith("step_")]
    assert steps == ["step_started", "step_done"] * 9
    runs = [name for name in await house.told(target=run.id) if name.startswith("run_")]
    assert runs == ["run_created", "run_running", "run_succeeded"]


async def test_what_the_agent_made_is_on_the_pull_request_with_its_verdict(house: House) -> None:
    run, _ = await walked(house)
    pull = await house.forge.pull(run.pull_id or "")
    assert await house.forge.read_file(run.project_id, run.branch, "made.py") == b"made\n"
    assert pull.head_sha == await house.forge.head_of(run.project_id, run.branch)
    assert [(check.verdict, check.head_sha) for check in pull.checks] == [(Verdict.PASSED, pull.head_sha)]
    assert house.machine.commands == [(run.id, "make test")]
    assert "What was done" in pull.body


async def test_at_the_end_nothing_is_held_or_lent(house: House) -> None:
    run, _ = await walked(house)
    assert list(await house.worktrees.lent()) == []
    for resource in (f"run:{run.id}", f"task:{run.task_id}", f"branch:{run.project_id}/{run.branch}"):
        assert await house.leases.acquire([resource], "somebody else", 5)


@pytest.mark.parametrize("last", list(StepName))
async def test_a_walk_goes_on_after_any_recorded_step_and_does_none_twice(
    house: House, last: StepName
) -> None:
    """Killed right after a step was recorded: the next walker begins the one after it."""
    calls: list[StepName] = []
    for name, real in list(house.steps.items()):

        async def counted(run: Run, task: Task, name: StepName = name, real: Any = real) -> Made:
            calls.append(name)
            made: Made = await real(run, task)
            return made

        house.steps[name] = counted
    run = await house.delegate()
    advance = house.runs.advance

    class Killed(BaseException):
        pass

    async def killing(run_id: str, done: Any, *rest: Any) -> Run:
        recorded = await advance(run_id, done, *rest)
        if done is last:
            raise Killed
        return recorded

    if last not in (StepName.BRANCH, StepName.PULL_REQUEST):
        house.runs.advance = killing  # type: ignore[method-assign]  # a kill leaves no other trace
        with pytest.raises(Killed):
            await house.walker().look(run.id)
        house.runs.advance = advance  # type: ignore[method-assign]
    await house.walker().look(run.id)
    assert (await house.runs.get(run.id)).status is RunStatus.SUCCEEDED
    assert calls == list(StepName)


async def test_a_run_that_has_ended_is_not_walked(house: House) -> None:
    run = await house.finished()
    before = await house.events.last_id()
    assert await house.walker().look(run.id) is None
    told = (await house.told())[before:]
    assert told == ["lease_acquired", "lease_released"]


async def test_a_run_somebody_else_works_on_is_left_alone(house: House) -> None:
    run = await house.delegate()
    await house.leases.acquire([f"run:{run.id}"], "worker-2@boot_9/1", 15)
    assert isinstance(await house.walker().look(run.id), Again)
    assert await house.runs.get(run.id) == run


async def test_two_looks_of_one_worker_at_one_run_do_not_both_walk_it(house: House) -> None:
    house.agent.script = [Hangs()]
    run = await house.delegate()
    walker = house.walker()
    first = asyncio.create_task(walker.look(run.id))
    await until(lambda: house.agent.prompts)
    assert isinstance(await walker.look(run.id), Again)
    with pytest.raises(LeaseHeld):
        await house.leases.acquire([f"run:{run.id}"], "worker-2", 5)
    await house.front.stop(run.id, "ada")
    await first
    assert len(house.agent.prompts) == 1


async def test_a_passing_trouble_waits_within_bounds_and_then_the_step_is_done_again(house: House) -> None:
    house.break_step(StepName.PUSH, WorktreeBusy("locked"), WorktreeBusy("locked"))
    run = await house.delegate()
    walker = house.walker()
    waits = [await walker.look(run.id), await walker.look(run.id)]
    assert waits == [Again(0.5), Again(1.0)]
    assert (await house.runs.get(run.id)).status is RunStatus.RUNNING
    assert await walker.look(run.id) is None
    done = await house.runs.get(run.id)
    assert done.status is RunStatus.SUCCEEDED
    assert done.step(StepName.PUSH).attempt == 3
    assert done.step(StepName.TURN).attempt == 1


async def test_a_passing_trouble_that_stays_fails_the_run_after_the_attempts_allowed(house: House) -> None:
    house.break_step(StepName.PUSH, *[WorktreeBusy("locked")] * 9)
    run = await house.delegate()
    walker = house.walker()
    while await walker.look(run.id) is not None:
        pass
    failed_run = await house.runs.get(run.id)
    assert (failed_run.status, failed_run.reason) == (RunStatus.FAILED, Reason.GIT_BUSY)
    assert failed_run.step(StepName.PUSH).attempt == house.attempts
    assert (await house.task(run)).status is TaskStatus.BLOCKED


async def test_troubles_of_different_steps_are_not_added_up(house: House) -> None:
    """The attempts are those of a step."""
    for name in (StepName.LEASE, StepName.WORKTREE, StepName.PUSH):
        house.break_step(name, WorktreeBusy("locked"), WorktreeBusy("locked"))
    run = await house.delegate()
    walker = house.walker()
    while await walker.look(run.id) is not None:
        pass
    assert (await house.runs.get(run.id)).status is RunStatus.SUCCEEDED


async def test_who_says_when_to_come_back_is_left_alone_until_then(house: House) -> None:
    """Else all attempts are over before an agent that keeps failing is tried once more."""
    house.break_step(StepName.WORKTREE, AgentKeepsFailing("x", retry_after_seconds=30), PoolBusy("x"))
    run = await house.delegate()
    assert await house.walker().look(run.id) == Again(30)
    again = await house.walker().look(run.id)
    assert again is not None
    assert again.after_seconds < 30


def test_waits_grow_and_are_bounded(house: House) -> None:
    house.random = lambda: 1.0
    pace = house.walker()._pace
    assert [pace.backoff(tries) for tries in (0, 1, 5, 6, 19)] == [1, 2, 32, 60, 60]


ERRORS = [
    (AgentNotInstalled("x"), Reason.AGENT_NOT_INSTALLED),
    (AgentKeepsFailing("x"), Reason.AGENT_BUSY),
    (PoolBusy("x"), Reason.AGENT_BUSY),
    (LeaseHeld("x"), Reason.LEASE_HELD),
    (LeaseLost("x"), Reason.LEASE_LOST),
    (SettingsInvalid("x"), Reason.SETTINGS_INVALID),
    (BranchMoved("x"), Reason.BRANCH_MOVED),
    (PushRefused("x"), Reason.BRANCH_MOVED),
    (DiskFull("x"), Reason.DISK_FULL),
    (WorktreeBusy("x"), Reason.GIT_BUSY),
    (UpstreamRefused("x"), Reason.GIT_BUSY),
    (Conflict("x"), Reason.REFUSED),
    (ZeroDivisionError("x"), Reason.INTERNAL),
    (failed(Reason.SECRET_FOUND, "x"), Reason.SECRET_FOUND),
]


@pytest.mark.parametrize(("error", "reason"), ERRORS, ids=lambda value: getattr(value, "code", None))
async def test_each_error_of_a_step_has_its_reason_and_says_what_to_do(
    house: House, error: Exception, reason: Reason
) -> None:
    house.attempts = 1
    house.break_step(StepName.WORKTREE, error)
    run, task = await walked(house)
    assert (run.status, run.reason, task.status) == (RunStatus.FAILED, reason, TaskStatus.BLOCKED)
    assert run.step(StepName.WORKTREE).status is StepStatus.FAILED
    assert (run.explanation or "").startswith("x. ")
    assert house.defects == ([error] if reason is Reason.INTERNAL else [])


@pytest.mark.parametrize(
    ("kind", "status", "reason"),
    [
        (ResultKind.FAILED, RunStatus.FAILED, Reason.AGENT_FAILED),
        (ResultKind.BLOCKED, RunStatus.FAILED, Reason.AGENT_BLOCKED),
        (ResultKind.LOST, RunStatus.FAILED, Reason.AGENT_LOST),
        (ResultKind.TIMED_OUT, RunStatus.TIMED_OUT, Reason.AGENT_TIMED_OUT),
    ],
)
async def test_each_bad_end_of_a_turn_has_its_reason(
    house: House, kind: ResultKind, status: RunStatus, reason: Reason
) -> None:
    house.attempts = 1
    house.agent.script = [Ends(Outcome(kind, "script", "It went wrong."))]
    run, _ = await walked(house)
    assert (run.status, run.reason) == (status, reason)


@pytest.mark.parametrize(
    ("exit_code", "reason", "verdict"),
    [(1, Reason.CHECKS_FAILED, Verdict.FAILED), (None, Reason.CHECKS_TIMED_OUT, Verdict.TIMED_OUT)],
)
async def test_red_checks_fail_the_run_but_the_code_is_there_for_review(
    house: House, exit_code: int | None, reason: Reason, verdict: Verdict
) -> None:
    house.machine.results["make test"] = CheckResult(exit_code, "boom", 1)
    run, task = await walked(house)
    assert (run.status, run.reason, task.status) == (RunStatus.FAILED, reason, TaskStatus.REVIEW)
    assert (await house.forge.pull(run.pull_id or "")).checks[0].verdict is verdict
    assert await house.forge.read_file(run.project_id, run.branch, "made.py") == b"made\n"


async def test_no_changed_file_is_no_success(house: House) -> None:
    house.agent.files = {}
    run, _ = await walked(house)
    assert run.reason is Reason.NO_CHANGES


async def test_ticking_off_the_list_in_task_md_alone_is_no_success(house: House) -> None:
    house.agent.files = {"TASK.md": b"- [x] it greets\n"}
    run, _ = await walked(house)
    assert run.reason is Reason.NO_CHANGES


async def test_a_secret_is_never_committed(house: House) -> None:
    house.scanner.secrets["made.py"] = 3
    run, _ = await walked(house)
    assert run.reason is Reason.SECRET_FOUND
    assert "made.py:3" in (run.explanation or "")
    assert await house.forge.read_file(run.project_id, run.branch, "made.py") is None


async def test_junk_and_secret_files_stay_out_and_are_named(house: House) -> None:
    house.agent.files = {"made.py": b"x", ".env": b"TOKEN=x", "__pycache__/made.pyc": b"x"}
    run, _ = await walked(house)
    pull = await house.forge.pull(run.pull_id or "")
    for path in (".env", "__pycache__/made.pyc"):
        assert await house.forge.read_file(run.project_id, run.branch, path) is None
        assert f"Left out of the commit: `{path}`" in pull.body


async def test_what_somebody_else_pushed_is_never_overwritten(house: House) -> None:
    run = await house.delegate()
    real = house.steps[StepName.PUSH]

    async def meanwhile(run: Run, task: Task) -> Made:
        house.forge.push(run.project_id, run.branch, {"theirs.py": b"theirs"})
        return await real(run, task)

    house.steps[StepName.PUSH] = meanwhile
    await house.walker().look(run.id)
    assert (await house.runs.get(run.id)).reason is Reason.BRANCH_MOVED
    assert await house.forge.read_file(run.project_id, run.branch, "theirs.py") == b"theirs"


async def test_a_run_stopped_before_it_began_begins_nothing(house: House) -> None:
    run = await house.delegate()
    await house.front.stop(run.id, "ada")
    await house.walker().look(run.id)
    stopped = await house.runs.get(run.id)
    assert (stopped.status, stopped.reason) == (RunStatus.CANCELLED, Reason.STOPPED)
    assert stopped.step(StepName.LEASE).status is StepStatus.WAITING
    assert stopped.started_at is None
    assert (await house.task(run)).status is TaskStatus.QUEUED


async def test_a_stop_during_the_turn_ends_agent_turn_step_and_run(house: House) -> None:
    house.agent.script = [Hangs()]
    run = await house.delegate()
    look = asyncio.create_task(house.walker().look(run.id))
    await until(lambda: house.agent.prompts)
    await house.front.stop(run.id, "ada")
    assert await look is None
    stopped = await house.runs.get(run.id)
    assert (stopped.status, stopped.reason) == (RunStatus.CANCELLED, Reason.STOPPED)
    assert stopped.step(StepName.TURN).status is StepStatus.FAILED
    assert not house.agent.sessions[0].is_alive
    [turn] = await house.turns.of_run(run.id)
    assert (turn.result_kind, turn.ended_at is None) == (ResultKind.CANCELLED, False)
    assert (await house.task(run)).status is TaskStatus.QUEUED


async def test_a_stop_that_comes_when_all_is_done_changes_nothing(house: House) -> None:
    """Killed between the last step and the end, and then somebody asks to stop."""
    run = await house.delegate()
    move = house.runs.move

    async def lost(*_: Any) -> Run:
        raise KeyboardInterrupt

    real = house.walker()
    settle = real._settle
    real._settle = lost  # type: ignore[method-assign]  # a kill at this very moment
    with pytest.raises(KeyboardInterrupt):
        await real.look(run.id)
    assert move is not None
    assert settle is not None
    await house.front.stop(run.id, "ada")
    await house.walker().look(run.id)
    assert (await house.runs.get(run.id)).status is RunStatus.SUCCEEDED
    assert (await house.task(run)).status is TaskStatus.REVIEW


async def test_no_stop_and_no_lost_lease_can_undo_a_run_that_is_being_settled(house: House) -> None:
    """The leases are given back just before the run's row moves; the guard looks at that very moment."""
    house.lease_seconds = 0.003
    run = await house.delegate()
    move = house.runs.move

    async def slow(run_id: str, to: RunStatus, *rest: Any) -> Run:
        if to is RunStatus.SUCCEEDED:
            await house.runs.ask_stop(run_id, "ada")
            await asyncio.sleep(0.05)
        return await move(run_id, to, *rest)

    house.runs.move = slow  # type: ignore[method-assign]  # a database that takes its time
    await house.walker().look(run.id)
    done = await house.runs.get(run.id)
    assert (done.status, done.reason) == (RunStatus.SUCCEEDED, None)
    assert (await house.task(run)).status is TaskStatus.REVIEW


async def test_a_step_that_is_done_is_written_down_though_a_stop_comes_meanwhile(house: House) -> None:
    house.lease_seconds = 0.003
    run = await house.delegate()
    advance = house.runs.advance

    async def slow(run_id: str, done: Any, *rest: Any) -> Run:
        if done is StepName.PUSH:
            await house.runs.ask_stop(run_id, "ada")
            await asyncio.sleep(0.05)
        return await advance(run_id, done, *rest)

    house.runs.advance = slow  # type: ignore[method-assign]  # a database that takes its time
    await house.walker().look(run.id)
    stopped = await house.runs.get(run.id)
    assert stopped.step(StepName.PUSH).status is StepStatus.DONE
    assert stopped.status is RunStatus.CANCELLED


async def test_what_a_run_proves_stands_on_its_task(house: House) -> None:
    run, task = await walked(house)
    assert task.facts == {
        "run_id": run.id, "run_status": "succeeded", "pull_id": run.pull_id, "pull_status": "open",
        "checks": "passed",
    }  # fmt: skip


async def test_a_task_a_person_took_from_a_run_is_theirs_to_move(house: House) -> None:
    """An operator took the leases back and gave them on while the agent worked."""
    house.agent.script = [Hangs()]
    house.attempts = 1
    run = await house.delegate()
    look = asyncio.create_task(house.walker().look(run.id))
    await until(lambda: house.agent.prompts)
    await house.leases.store.write(lambda board: reclaim_resource(board, f"task:{run.task_id}", "op"))
    await house.leases.acquire([f"task:{run.task_id}"], "ada", 600)
    await house.front.stop(run.id, "op")
    await look
    assert (await house.runs.get(run.id)).status is RunStatus.CANCELLED
    assert (await house.task(run)).status is TaskStatus.IN_PROGRESS


async def test_a_task_taken_by_somebody_while_nobody_walked_is_waited_for(house: House) -> None:
    """The worker was down past its leases; a person took the task."""
    house.break_step(StepName.WORKTREE, WorktreeBusy("locked"))
    run = await house.delegate()
    await house.walker().look(run.id)
    house.clock.advance(60)
    await house.leases.acquire([f"task:{run.task_id}"], "ada", 600)
    assert isinstance(await house.walker().look(run.id), Again)
    waiting = await house.runs.get(run.id)
    assert (waiting.status, waiting.tries) == (RunStatus.RUNNING, 2)
    await house.walker().look(run.id)
    assert (await house.runs.get(run.id)).reason is Reason.LEASE_HELD


async def test_a_worker_that_is_shut_down_leaves_the_run_to_the_next(house: House) -> None:
    house.agent.script = [Hangs()]
    run = await house.delegate()
    look = asyncio.create_task(house.walker().look(run.id))
    await until(lambda: house.agent.prompts)
    look.cancel()
    with pytest.raises(asyncio.CancelledError):
        await look
    assert not house.agent.sessions[0].is_alive
    house.agent.script = []
    await house.walker(holder="worker-1@boot_2").look(run.id)
    assert (await house.runs.get(run.id)).status is RunStatus.SUCCEEDED
    assert [turn.result_kind for turn in await house.turns.of_run(run.id)] == [
        ResultKind.CANCELLED,
        ResultKind.OK,
    ]


async def test_a_turn_begun_again_sees_nothing_of_the_one_cut_off_and_loses_nothing(house: House) -> None:
    house.agent.script = [Hangs()]
    house.agent.files = {"half.py": b"half"}
    run = await house.delegate()
    look = asyncio.create_task(house.walker().look(run.id))
    await until(lambda: house.agent.prompts)
    look.cancel()
    await asyncio.wait([look])
    house.agent.script, house.agent.files = [], {"made.py": b"x"}
    await house.walker().look(run.id)
    assert await house.forge.read_file(run.project_id, run.branch, "half.py") is None
    assert [kept["half.py"] for kept in house.worktrees.kept[run.id]] == [b"half"]


async def test_a_failed_run_is_retried_to_its_success(house: House) -> None:
    house.machine.results["make test"] = CheckResult(1, "boom", 1)
    run = await house.finished()
    house.machine.results.clear()
    house.agent.files = {"made.py": b"mended\n"}
    again = await house.front.retry(run.id, "ada")
    assert (again.status, again.attempt) == (RunStatus.QUEUED, 2)
    await house.walker().look(run.id)
    done = await house.runs.get(run.id)
    assert (done.status, done.reason) == (RunStatus.SUCCEEDED, None)
    assert (await house.task(run)).status is TaskStatus.REVIEW
    assert await house.forge.read_file(run.project_id, run.branch, "made.py") == b"mended\n"
    assert len(await house.forge.pulls(None, None, 9)) == 1


async def test_a_stopped_run_is_retried_from_its_lease(house: House) -> None:
    run = await house.delegate()
    await house.front.stop(run.id, "ada")
    await house.walker().look(run.id)
    await house.front.retry(run.id, "ada")
    await house.walker().look(run.id)
    assert (await house.runs.get(run.id)).status is RunStatus.SUCCEEDED
