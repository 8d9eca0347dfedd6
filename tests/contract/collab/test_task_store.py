"""What every TaskStore promises."""

import asyncio
from typing import Any

import pytest

from kyros.collab.errors import TaskNotFound
from kyros.collab.model import NewTask, TaskStatus
from kyros.collab.ports import TaskStore
from kyros.kernel.states import MoveRefused


def wanted(title: str = "Greet the night owls", project: str = "proj_1") -> NewTask:
    return NewTask(project, title, "Say hello.", "Only the standard library.", ("tests pass", "ünï 🦉"))


async def test_a_new_task_is_queued_and_reads_back_whole(tasks: TaskStore) -> None:
    made = await tasks.create(wanted(), "operator")
    assert made.id == "T-1"
    assert (made.status, made.version) == (TaskStatus.QUEUED, 1)
    assert made.acceptance_criteria == ("tests pass", "ünï 🦉")
    assert made.created_at == made.updated_at == "2026-11-20T12:00:00.000000Z"
    assert await tasks.get("T-1") == made


async def test_creating_reports_it(tasks: TaskStore, outbox: Any) -> None:
    await tasks.create(wanted(), "ada")
    (event,) = outbox.events
    assert (event.event, event.actor, event.target) == ("task_created", "ada", "T-1")
    assert event.details == {"title": "Greet the night owls", "project_id": "proj_1"}


async def test_ids_count_up_without_gap_or_repeat_when_many_create_at_once(tasks: TaskStore) -> None:
    made = await asyncio.gather(*(tasks.create(wanted(), "operator") for _ in range(25)))
    assert sorted(int(task.id.removeprefix("T-")) for task in made) == list(range(1, 26))


@pytest.mark.parametrize(
    "strange", ["T-2", "T-0", "T-01", "T-", "1", "t-1", "T-1 ", "T--1", "T-1\n", "T-٣", "T-" + "9" * 40, ""]
)
async def test_an_unknown_id_is_not_found(tasks: TaskStore, strange: str) -> None:
    await tasks.create(wanted(), "operator")
    with pytest.raises(TaskNotFound):
        await tasks.get(strange)
    with pytest.raises(TaskNotFound):
        await tasks.move(strange, TaskStatus.CLAIMED, "operator", "")


async def test_a_move_changes_status_version_and_time_and_reports_both_ends(
    tasks: TaskStore, clock: Any, outbox: Any
) -> None:
    await tasks.create(wanted(), "operator")
    clock.advance(1.5)
    moved = await tasks.move("T-1", TaskStatus.CLAIMED, "worker_1", "taken")
    assert (moved.status, moved.version) == (TaskStatus.CLAIMED, 2)
    assert moved.updated_at == "2026-11-20T12:00:01.500000Z"
    assert await tasks.get("T-1") == moved
    event = outbox.events[-1]
    assert (event.event, event.actor, event.target) == ("task_moved", "worker_1", "T-1")
    assert event.details == {"old_status": "queued", "new_status": "claimed", "note": "taken"}


async def test_moving_to_the_state_it_is_in_changes_nothing(tasks: TaskStore, outbox: Any) -> None:
    made = await tasks.create(wanted(), "operator")
    assert await tasks.move("T-1", TaskStatus.QUEUED, "operator", "again") == made
    assert outbox.names() == ["task_created"]


async def test_a_move_the_table_forbids_is_refused_naming_the_allowed_ones(
    tasks: TaskStore, outbox: Any
) -> None:
    made = await tasks.create(wanted(), "operator")
    with pytest.raises(MoveRefused) as refused:
        await tasks.move("T-1", TaskStatus.DONE, "operator", "")
    assert refused.value.facts["allowed"] == ["blocked", "cancelled", "claimed"]
    assert await tasks.get("T-1") == made
    assert outbox.names() == ["task_created"]


async def test_of_many_who_claim_a_task_at_once_one_moves_it(tasks: TaskStore, outbox: Any) -> None:
    await tasks.create(wanted(), "operator")
    await asyncio.gather(*(tasks.move("T-1", TaskStatus.CLAIMED, f"w{n}", "") for n in range(8)))
    assert (await tasks.get("T-1")).version == 2
    assert outbox.names() == ["task_created", "task_moved"]


async def test_without_its_event_nothing_is_written(tasks: TaskStore, outbox: Any) -> None:
    made = await tasks.create(wanted(), "operator")
    outbox.broken = True
    with pytest.raises(OSError, match="no room"):
        await tasks.create(wanted("second"), "operator")
    with pytest.raises(OSError, match="no room"):
        await tasks.move("T-1", TaskStatus.CLAIMED, "operator", "")
    assert await tasks.page(None, None, 10) == [made]


async def test_a_page_is_newest_first_limited_and_filtered(tasks: TaskStore) -> None:
    for number in range(12):
        await tasks.create(wanted(project=f"proj_{number % 2}"), "operator")
    await tasks.move("T-3", TaskStatus.CLAIMED, "operator", "")
    assert [task.id for task in await tasks.page(None, None, 3)] == ["T-12", "T-11", "T-10"]
    assert [task.id for task in await tasks.page(None, "proj_1", 2)] == ["T-12", "T-10"]
    assert [task.id for task in await tasks.page(TaskStatus.CLAIMED, None, 10)] == ["T-3"]
    assert await tasks.page(TaskStatus.CLAIMED, "proj_1", 10) == []
