"""Where a task stands: its status held against what durable facts prove."""

from collections.abc import Mapping

import pytest

from kyros.collab.model import Lease, Standing, Task, TaskStatus, standing

AT = "2026-11-20T12:00:00.000000Z"
LEASE = Lease("lock_1", "task:T-1", "run_1", 1, AT, AT, "2026-11-20T12:01:00.000000Z", 60)
NOTHING: Mapping[str, TaskStatus] = {}
S = TaskStatus


def task(status: str, **facts: str) -> Task:
    return Task("T-1", "app", "t", "", "", (), TaskStatus(status), 1, AT, AT, facts=facts)


def stands(status: str, lease: Lease | None = None, **facts: str) -> tuple[str, bool]:
    """Column, and whether it needs a person."""
    found = standing(task(status, **facts), lease, NOTHING)
    return found.column.value, found.needs_you


@pytest.mark.parametrize("status", ["claimed", "in_progress"])
def test_work_that_nobody_holds_shows_queued(status: str) -> None:
    assert standing(task(status), None, NOTHING) == Standing(S.QUEUED, "Nobody holds it.")


@pytest.mark.parametrize("status", ["claimed", "in_progress"])
def test_a_live_lease_or_a_going_run_proves_work(status: str) -> None:
    assert standing(task(status), LEASE, NOTHING) == Standing(S(status), "run_1 holds it.")
    assert stands(status, run_status="running") == stands(status, run_status="queued") == (status, False)


def test_a_run_that_waits_for_a_person_needs_you() -> None:
    assert stands("in_progress", LEASE, run_status="blocked") == ("in_progress", True)


def test_a_failed_run_needs_you_and_says_why() -> None:
    assert stands("in_progress", run_status="failed") == ("queued", True)
    failed = standing(task("blocked", run_status="timed_out", run_reason="agent_timed_out"), None, NOTHING)
    assert failed == Standing(S.BLOCKED, "Its run failed: agent_timed_out.", needs_you=True)


def test_a_stopped_run_needs_nobody() -> None:
    assert stands("queued", run_status="cancelled", run_reason="stopped") == ("queued", False)


@pytest.mark.parametrize("status", ["queued", "claimed", "in_progress", "blocked"])
def test_dependencies_that_are_not_done_block_and_are_named(status: str) -> None:
    found = standing(task(status), LEASE, {"T-8": S.REVIEW, "T-9": S.QUEUED})
    assert found == Standing(S.BLOCKED, "It waits for T-8, T-9.", ("T-8", "T-9"))


def test_a_cancelled_dependency_needs_you_and_is_named() -> None:
    found = standing(task("queued"), None, {"T-8": S.CANCELLED, "T-9": S.QUEUED})
    assert (found.column, found.blocked_by, found.needs_you) == (S.BLOCKED, ("T-8", "T-9"), True)
    assert "T-8 is cancelled" in found.because


@pytest.mark.parametrize("status", ["review", "approved", "merging", "done", "cancelled"])
def test_work_handed_in_no_longer_waits_for_dependencies(status: str) -> None:
    found = standing(task(status), None, {"T-8": S.QUEUED})
    assert (found.column, found.blocked_by) == (S(status), ())


def test_a_review_waits_for_you_but_not_while_its_run_goes_on() -> None:
    assert stands("review") == stands("review", run_status="succeeded") == ("review", True)
    assert stands("review", run_status="running", checks="passed") == ("review", False)


@pytest.mark.parametrize("status", ["review", "approved", "merging"])
def test_red_checks_need_you(status: str) -> None:
    assert stands(status, checks="failed") == stands(status, checks="timed_out") == (status, True)


@pytest.mark.parametrize("status", ["approved", "merging"])
def test_what_is_approved_and_green_needs_nobody(status: str) -> None:
    assert stands(status, checks="passed", run_status="succeeded", pull_status="open") == (status, False)


@pytest.mark.parametrize("status", ["review", "approved", "merging"])
def test_the_pull_request_has_the_last_word(status: str) -> None:
    assert stands(status, pull_status="merged", checks="failed") == ("done", False)
    assert stands(status, pull_status="closed") == ("review", True)


def test_a_task_blocked_by_hand_needs_you() -> None:
    assert stands("blocked") == ("blocked", True)


@pytest.mark.parametrize("status", ["done", "cancelled"])
def test_what_is_over_shows_itself_whatever_else_is_said(status: str) -> None:
    assert stands(status, run_status="failed", checks="failed", pull_status="closed") == (status, False)
