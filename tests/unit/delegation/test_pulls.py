"""Merging and closing: green first, finished though a crash came between, never half."""

import asyncio
from typing import Any

import pytest

from kyros.collab.model import TaskStatus, Writer
from kyros.delegation.errors import ChecksNotGreen, NothingToMerge, RunStillGoing
from kyros.delegation.model import Run, RunStatus
from kyros.drivers.fake import Ends
from kyros.drivers.model import Outcome, ResultKind
from kyros.fleet.model import CheckResult
from kyros.forge.errors import GitBusy, MergeConflict, PullNotOpen
from kyros.forge.model import Check, Pull, PullState, Verdict
from tests.unit.delegation.conftest import House


async def merged(house: House, run: Run) -> Pull:
    return await house.pulls.merge(run.pull_id or "", "ada")


async def test_a_merge_brings_the_code_to_the_base_without_task_md_and_the_task_is_done(
    house: House,
) -> None:
    run = await house.finished()
    pull = await merged(house, run)
    assert pull.state is PullState.MERGED
    assert await house.forge.read_file(run.project_id, "main", "made.py") == b"made\n"
    assert await house.forge.read_file(run.project_id, "main", "TASK.md") is None
    assert (await house.task(run)).status is TaskStatus.DONE
    assert await house.forge.head_of(run.project_id, run.branch) is None


async def test_merged_twice_is_merged_once(house: House) -> None:
    run = await house.finished()
    first = await merged(house, run)
    moves = (await house.told(task=run.task_id)).count("task_moved")
    assert (await merged(house, run)).merge_sha == first.merge_sha
    assert (await house.told(task=run.task_id)).count("task_moved") == moves


async def test_two_people_who_merge_at_once_both_see_it_merged(house: House) -> None:
    run = await house.finished()
    one, two = await asyncio.gather(merged(house, run), merged(house, run))
    assert one.merge_sha == two.merge_sha
    assert (await house.task(run)).status is TaskStatus.DONE


async def test_a_run_still_going_is_not_merged_nor_closed(house: House) -> None:
    run = await house.delegate()
    for act in (house.pulls.merge, house.pulls.merge_as_it_is, house.pulls.close):
        with pytest.raises(RunStillGoing, match=run.id):
            await act(run.pull_id or "", "ada")
    assert (await house.forge.pull(run.pull_id or "")).state is PullState.OPEN
    assert (await house.task(run)).status is TaskStatus.QUEUED


@pytest.mark.parametrize("exit_code", [1, None])
async def test_red_checks_hold_the_merge_until_somebody_accepts_them(
    house: House, exit_code: int | None
) -> None:
    house.machine.results["make test"] = CheckResult(exit_code, "boom", 1)
    run = await house.finished()
    with pytest.raises(ChecksNotGreen, match="are red"):
        await merged(house, run)
    assert (await house.task(run)).status is TaskStatus.REVIEW
    await house.pulls.merge_as_it_is(run.pull_id or "", "ada")
    assert (await house.task(run)).status is TaskStatus.DONE


async def test_checks_that_were_cut_off_are_not_green(house: House) -> None:
    """Nobody will ever finish them: the run has ended."""
    run = await house.finished()
    pending = Check("checks", Verdict.PENDING, "running `make test`")
    await house.forge.report_check(run.pull_id or "", pending, "fake")
    with pytest.raises(ChecksNotGreen, match="were cut off"):
        await merged(house, run)


async def test_a_pull_request_without_code_is_not_merged(house: House) -> None:
    house.agent.script = [Ends(Outcome(ResultKind.FAILED, "script", "It went wrong."))]
    run = await house.finished()
    assert run.status is RunStatus.FAILED
    with pytest.raises(NothingToMerge, match="kyros run show"):
        await house.pulls.merge_as_it_is(run.pull_id or "", "ada")
    assert (await house.task(run)).status is TaskStatus.BLOCKED


async def test_a_conflict_sends_the_task_back_to_review(house: House) -> None:
    run = await house.finished()
    house.forge.push(run.project_id, "main", {"made.py": b"theirs\n"})
    with pytest.raises(MergeConflict):
        await merged(house, run)
    assert (await house.task(run)).status is TaskStatus.REVIEW
    assert await house.forge.read_file(run.project_id, "main", "made.py") == b"theirs\n"


async def test_any_other_trouble_of_the_forge_sends_it_back_as_well(house: House) -> None:
    run = await house.finished()
    real = house.forge.merge

    async def locked(*_: Any, **__: Any) -> Pull:
        raise GitBusy("locked")

    house.forge.merge = locked  # type: ignore[method-assign]  # a lock that another git holds
    with pytest.raises(GitBusy):
        await merged(house, run)
    assert (await house.task(run)).status is TaskStatus.REVIEW
    house.forge.merge = real  # type: ignore[method-assign]
    assert (await merged(house, run)).state is PullState.MERGED


async def test_a_closed_pull_request_is_said_to_be_closed(house: House) -> None:
    run = await house.finished()
    await house.pulls.close(run.pull_id or "", "ada")
    with pytest.raises(PullNotOpen):
        await merged(house, run)
    assert (await house.task(run)).status is TaskStatus.CANCELLED


async def test_closing_keeps_the_branch_and_asks_for_the_worktree(house: House) -> None:
    house.scanner.secrets["made.py"] = 1
    run = await house.finished()
    depth = await house.queue.depth()
    assert (await house.pulls.close(run.pull_id or "", "ada")).state is PullState.CLOSED
    assert await house.forge.head_of(run.project_id, run.branch) is not None
    assert (await house.task(run)).status is TaskStatus.CANCELLED
    assert await house.queue.depth() == depth + 1


async def test_a_merge_cut_off_before_its_task_was_done_is_finished_by_the_sweep(house: House) -> None:
    run = await house.finished()
    pulls = house.pulls

    async def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    pulls._settle = killed  # type: ignore[method-assign]  # a kill at this very moment
    with pytest.raises(KeyboardInterrupt):
        await pulls.merge(run.pull_id or "", "ada")
    assert (await house.task(run)).status is TaskStatus.MERGING
    await house.pulls.reconcile()
    assert (await house.task(run)).status is TaskStatus.DONE
    assert await house.forge.head_of(run.project_id, run.branch) is None


async def test_a_merge_cut_off_before_the_forge_merged_goes_back_to_review(house: House) -> None:
    run = await house.finished()
    for status in (TaskStatus.APPROVED, TaskStatus.MERGING):
        await house.tasks.move(run.task_id, status, Writer("ada"), "")
    house.clock.advance(120)
    await house.pulls.reconcile()
    assert (await house.task(run)).status is TaskStatus.REVIEW


async def test_a_sweep_in_the_middle_of_a_merge_does_not_undo_it(house: House) -> None:
    run = await house.finished()
    real = house.forge.merge

    async def slow(*given: Any, **named: Any) -> Pull:
        await house.pulls.reconcile()
        return await real(*given, **named)

    house.forge.merge = slow  # type: ignore[method-assign]  # the worker's sweep comes just now
    assert (await merged(house, run)).state is PullState.MERGED
    assert (await house.task(run)).status is TaskStatus.DONE


async def test_a_merge_that_the_sweep_took_for_dead_still_ends_done(house: House) -> None:
    run = await house.finished()
    real = house.forge.merge

    async def very_slow(*given: Any, **named: Any) -> Pull:
        house.clock.advance(600)
        await house.pulls.reconcile()
        return await real(*given, **named)

    house.forge.merge = very_slow  # type: ignore[method-assign]  # a disk that hangs
    await merged(house, run)
    assert (await house.task(run)).status is TaskStatus.DONE


async def test_a_reconcile_leaves_alone_what_is_in_order(house: House) -> None:
    run = await house.finished()
    before = await house.events.last_id()
    await house.pulls.reconcile()
    assert await house.events.last_id() == before
    assert (await house.runs.get(run.id)).status is RunStatus.SUCCEEDED
