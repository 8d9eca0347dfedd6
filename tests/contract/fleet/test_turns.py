"""What every Turns promises."""

from dataclasses import replace
from typing import Any

import pytest

from kyros.drivers.model import ActionKind, ResultKind, Tier, Usage
from kyros.fleet.model import CUT_OFF, Approval, ApprovalState, Turn, decided_by_rule
from kyros.fleet.ports import Approvals, Turns

BEGUN = Turn(
    "turn_1",
    "run_1",
    "playbook",
    Tier.TERMINAL,
    "delegation",
    "2026-11-20T12:00:00.000000Z",
    project_id="p_1",
    task_id="T-100",
)
USAGE = Usage("m-1", 1, 2, 3, 4, 0.5, {"edit": 2})
ENDED = replace(
    BEGUN,
    ended_at="2026-11-20T12:00:05.000000Z",
    duration_ms=5_000,
    result_kind=ResultKind.OK,
    evidence="ready_prompt",
    note="fine 🦉",
    bytes_streamed=9,
    usage=USAGE,
)
ASKED = Approval(
    id="appr_1", turn_id="turn_1", run_id="run_1", agent="playbook", state=ApprovalState.PENDING,
    kind=ActionKind.WRITE, tool="", subject="a.py", text="", rule="allow: inside", digest="d",
    asked_at="2026-11-20T12:00:01.000000Z", project_id="p_1", task_id="T-100",
)  # fmt: skip


async def test_a_turn_that_works_has_no_end_and_nothing_measured(turns: Turns) -> None:
    await turns.begin(BEGUN)
    assert list(await turns.of_run("run_1")) == [BEGUN]
    assert BEGUN.usage == Usage(None, None, None, None, None, None, None)


async def test_a_turn_reads_back_whole_with_its_approvals_in_order(
    turns: Turns, approvals: Approvals
) -> None:
    granted = decided_by_rule(ASKED, allow=True)
    refused = replace(decided_by_rule(ASKED, allow=False), id="appr_2", kind=ActionKind.COMMAND)
    await turns.begin(BEGUN)
    await approvals.record(granted)
    await approvals.record(refused)
    await turns.end(ENDED)
    assert list(await turns.of_run("run_1")) == [replace(ENDED, approvals=(granted, refused))]


async def test_a_turn_that_works_may_note_what_it_has_spent_by_now(turns: Turns) -> None:
    await turns.begin(BEGUN)
    noted = replace(
        BEGUN, usage=Usage("m-1", 1, 2, tool_calls={"edit": 1}), duration_ms=900, bytes_streamed=7
    )
    await turns.note(replace(noted, note="not kept", session_id="not kept"))
    assert list(await turns.of_run("run_1")) == [noted]


async def test_a_note_that_comes_after_the_end_changes_nothing(turns: Turns) -> None:
    await turns.begin(BEGUN)
    await turns.end(ENDED)
    await turns.note(replace(BEGUN, duration_ms=1, usage=Usage(input_tokens=9)))
    assert list(await turns.of_run("run_1")) == [ENDED]


async def test_a_turn_may_use_more_tokens_than_fit_into_32_bits(turns: Turns) -> None:
    large = replace(ENDED, usage=replace(USAGE, input_tokens=2**40), session_id="ses_1")
    await turns.begin(BEGUN)
    await turns.end(large)
    assert list(await turns.of_run("run_1")) == [large]


@pytest.mark.parametrize(("calls", "count"), [(None, None), ({}, 0), ({"edit": 2, "run": 3}, 5)])
def test_tool_calls_are_counted_where_they_were_measured(
    calls: dict[str, int] | None, count: int | None
) -> None:
    assert replace(BEGUN, usage=Usage(tool_calls=calls)).tool_call_count == count


async def test_turns_of_a_run_are_oldest_first_and_only_its_own(turns: Turns) -> None:
    later = replace(BEGUN, id="turn_2", started_at="2026-11-20T13:00:00.000000Z")
    for turn in (later, BEGUN, replace(BEGUN, id="turn_3", run_id="run_2")):
        await turns.begin(turn)
    assert [turn.id for turn in await turns.of_run("run_1")] == ["turn_1", "turn_2"]
    assert list(await turns.of_run("run_9")) == []


async def test_each_write_reports_itself(turns: Turns, outbox: Any) -> None:
    await turns.begin(BEGUN)
    await turns.end(ENDED)
    told = [(event.event, event.actor, event.target) for event in outbox.events]
    assert told == [
        ("turn_started", "playbook", "run_1"),
        ("turn_ended", "playbook", "run_1"),
    ]
    known = {"run_id": "run_1", "task_id": "T-100", "project_id": "p_1", "turn_id": "turn_1"}
    started, ended = (event.details for event in outbox.events)
    assert started == known
    assert ended == known | {"result": "ok", "note": "fine 🦉"}


async def test_without_its_event_nothing_is_written(turns: Turns, outbox: Any) -> None:
    await turns.begin(BEGUN)
    outbox.broken = True
    for write in (
        turns.begin(replace(BEGUN, id="turn_2")),
        turns.end(ENDED),
    ):
        with pytest.raises(OSError, match="no room"):
            await write
    assert list(await turns.of_run("run_1")) == [BEGUN]


async def test_a_turn_that_a_crash_left_open_ends_as_lost_when_the_next_begins(turns: Turns) -> None:
    later = replace(BEGUN, id="turn_2", started_at="2026-11-20T13:00:00.000000Z")
    await turns.begin(BEGUN)
    await turns.begin(later)
    first, second = await turns.of_run("run_1")
    assert (first.result_kind, first.ended_at, first.note) == (ResultKind.LOST, later.started_at, CUT_OFF)
    assert second == later
