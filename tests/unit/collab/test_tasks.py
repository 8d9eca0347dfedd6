"""What may be done with tasks, over the store in memory."""

import itertools
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyros.collab.errors import (
    ChecklistOpen,
    DependenciesUnmet,
    DependencyCycle,
    DependencyNotFound,
    LeaseHeld,
    TaskExists,
    TaskNotFound,
)
from kyros.collab.fake import FakeCollabStore
from kyros.collab.model import (
    Budget,
    ChecklistItem,
    Fence,
    Kind,
    Lease,
    NewTask,
    Task,
    TaskChange,
    TaskQuery,
    TaskStatus,
    Writer,
    task_of,
)
from kyros.collab.service.backlog import check_dependencies
from kyros.collab.service.tasks import Tasks, shown
from kyros.kernel.clock import to_text
from kyros.kernel.errors import Conflict
from kyros.kernel.etag import PreconditionRequired, StaleTag
from kyros.kernel.states import MoveRefused
from tests.stand_ins import Clock, Outbox

S = TaskStatus
ADA = Writer("ada")
LINE = [S.CLAIMED, S.IN_PROGRESS, S.REVIEW, S.APPROVED, S.MERGING, S.DONE]


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(outbox: Outbox, clock: Clock) -> FakeCollabStore:
    return FakeCollabStore(outbox, clock)


@pytest.fixture
def tasks(store: FakeCollabStore) -> Tasks:
    return Tasks(store)


def new(title: str = "Add a board", project_id: str = "app", **more: Any) -> NewTask:
    return NewTask(project_id, title, "", "", (), **more)


async def made(tasks: Tasks, *depends_on: Task, **more: Any) -> Task:
    return await tasks.create(new(depends_on=tuple(task.id for task in depends_on), **more), "ada")


async def walked(tasks: Tasks, task: Task, to: TaskStatus) -> Task:
    """Along the line until it is there."""
    for status in LINE[: LINE.index(to) + 1]:
        task = await tasks.transition(task.id, status, ADA)
    return task


async def patched(tasks: Tasks, task: Task, writer: Writer = ADA, **fields: Any) -> Task:
    return await tasks.patch(task.id, TaskChange(fields), writer, (await tasks.get(task.id)).etag)


async def column(store: FakeCollabStore, task: Task) -> tuple[str, tuple[str, ...]]:
    found = await store.read(lambda view: shown(view, view.task(task.id) or task).standing)
    return found.column.value, tuple(found.blocked_by)


async def hold(store: FakeCollabStore, task: Task, holder: str, clock: Clock) -> None:
    at, until = to_text(clock()), to_text(clock() + timedelta(seconds=60))
    lease = Lease("lock_1", f"task:{task.id}", holder, 7, at, at, until, 60)
    await store.write(lambda board: board.put_lease(lease))


async def test_a_new_task_is_queued_told_and_found(tasks: Tasks, outbox: Outbox) -> None:
    task = await tasks.create(new(labels=("ui",), checklist=(ChecklistItem("Tests"),)), "ada")
    assert (task.status, task.version, task.labels) == (S.QUEUED, 1, ("ui",))
    assert await tasks.get(task.id) == task
    assert list(await tasks.find(TaskQuery(label="ui"))) == [task]
    (told,) = outbox.events
    assert (told.event, told.actor, told.target) == ("task_created", "ada", task.id)
    assert told.details == {"title": "Add a board", "project_id": "app", "version": 1}


async def test_what_is_not_there_is_said(tasks: Tasks) -> None:
    with pytest.raises(TaskNotFound, match="T-7"):
        await tasks.get("T-7")


async def test_a_seed_names_its_id_once(tasks: Tasks) -> None:
    assert (await tasks.create(new(id="T-100"), "ada")).id == "T-100"
    with pytest.raises(TaskExists):
        await tasks.create(new(id="T-100"), "ada")
    assert (await tasks.create(new(), "ada")).id == "T-101"


async def test_a_document_and_its_inverse(tasks: Tasks) -> None:
    task = await tasks.create(
        new(checklist=(ChecklistItem("Tests", done=True),), budget=Budget(tokens=5), assignee="bob"), "ada"
    )
    assert task_of(task.document()) == task


async def test_a_patch_changes_what_it_names_and_tells_old_and_new(tasks: Tasks, outbox: Outbox) -> None:
    task = await made(tasks)
    after = await patched(tasks, task, title="Add two boards", objective="Long text")
    assert after == replace(task, title="Add two boards", objective="Long text", version=2)
    assert after.etag != task.etag
    details = outbox.events[-1].details
    assert outbox.names() == ["task_created", "task_changed"]
    assert (details["project_id"], details["version"]) == ("app", 2)
    assert details["fields"] == ["title", "objective"]
    assert details["old"] == {"title": "Add a board"}
    assert details["new"] == {"title": "Add two boards"}


async def test_a_patch_that_changes_nothing_is_no_event(tasks: Tasks, outbox: Outbox) -> None:
    task = await made(tasks)
    assert (await patched(tasks, task, title=task.title, labels=())).etag == task.etag
    assert outbox.names() == ["task_created"]


async def test_parts_of_a_budget_change_alone(tasks: Tasks) -> None:
    task = await made(tasks, budget=Budget(tokens=5, usd=1.0))
    after = await tasks.patch(task.id, TaskChange(budget={"usd": None, "minutes": 9.0}), ADA, task.etag)
    assert after.budget == Budget(tokens=5, minutes=9.0)


@pytest.mark.parametrize("header", ["W/{own}", '"1-0000000000000000"', "own", 'W/{own}, "x"', "W/*"])
async def test_a_stale_or_weak_etag_is_refused_with_the_current_one(tasks: Tasks, header: str) -> None:
    task = await made(tasks)
    with pytest.raises(StaleTag) as refused:
        await tasks.patch(task.id, TaskChange({"title": "x"}), ADA, header.format(own=task.etag))
    assert refused.value.facts["etag"] == task.etag


@pytest.mark.parametrize("header", [None, "", "  "])
async def test_a_patch_without_etag_is_refused(tasks: Tasks, header: str | None) -> None:
    task = await made(tasks)
    with pytest.raises(PreconditionRequired):
        await tasks.patch(task.id, TaskChange({"title": "x"}), ADA, header)


async def test_the_etag_of_all_tasks_serves_until_any_of_them_changes(
    tasks: Tasks, store: FakeCollabStore
) -> None:
    task, other = await made(tasks), await made(tasks)
    whole = await store.read(lambda view: view.revision(Kind.TASKS).etag)
    assert (await tasks.patch(task.id, TaskChange({"title": "x"}), ADA, f'"a", {whole}')).title == "x"
    with pytest.raises(StaleTag):
        await tasks.patch(other.id, TaskChange({"title": "y"}), ADA, whole)


async def test_the_etag_of_an_answer_tells_standing_apart_and_serves_all_the_same(
    tasks: Tasks, store: FakeCollabStore, clock: Clock
) -> None:
    task = await walked(tasks, await made(tasks), S.CLAIMED)
    loose = await store.read(lambda view: shown(view, task).etag)
    await hold(store, task, "ada", clock)
    held = await store.read(lambda view: shown(view, task).etag)
    assert len({task.etag, loose, held}) == 3
    assert (await tasks.patch(task.id, TaskChange({"title": "x"}), ADA, loose)).title == "x"
    with pytest.raises(StaleTag):
        await tasks.patch(task.id, TaskChange({"title": "y"}), ADA, held)


async def test_moves_go_along_the_table_and_are_told(tasks: Tasks, outbox: Outbox) -> None:
    task = await tasks.transition((await made(tasks)).id, S.CLAIMED, ADA, "mine")
    assert (task.status, task.version) == (S.CLAIMED, 2)
    details = {"project_id": "app", "version": 2, "old_status": "queued", "new_status": "claimed"}
    assert outbox.events[-1].details == {**details, "note": "mine"}
    with pytest.raises(MoveRefused) as refused:
        await tasks.transition(task.id, S.DONE, ADA)
    assert refused.value.facts["allowed"] == ["blocked", "cancelled", "in_progress", "queued"]


async def test_a_move_to_where_it_is_changes_nothing(tasks: Tasks, outbox: Outbox) -> None:
    task = await walked(tasks, await made(tasks), S.CLAIMED)
    told = len(outbox.events)
    assert await tasks.move(task.id, S.CLAIMED, ADA, "again") == task
    assert len(outbox.events) == told
    assert (await tasks.move(task.id, S.IN_PROGRESS, ADA, "on")).status is S.IN_PROGRESS


async def test_only_its_holder_writes_a_held_task(tasks: Tasks, store: FakeCollabStore, clock: Clock) -> None:
    task = await made(tasks)
    await hold(store, task, "run_1", clock)
    for attempt in (
        patched(tasks, task, title="x"),
        tasks.transition(task.id, S.CLAIMED, ADA),
        tasks.move(task.id, S.CLAIMED, ADA, ""),
    ):
        with pytest.raises(LeaseHeld):
            await attempt
    assert await tasks.get(task.id) == task
    run = Writer("claude", Fence(f"task:{task.id}", "run_1", 7))
    assert (await tasks.move(task.id, S.CLAIMED, run, "")).status is S.CLAIMED


@pytest.mark.parametrize("token", [6, 8])
async def test_an_old_fencing_token_is_refused(
    tasks: Tasks, store: FakeCollabStore, clock: Clock, token: int
) -> None:
    task = await made(tasks)
    await hold(store, task, "ada", clock)
    stale = Writer("ada", Fence(f"task:{task.id}", "ada", token))
    with pytest.raises(Conflict) as refused:
        await patched(tasks, task, stale, title="x")
    assert refused.value.code == "fencing_token_stale"
    assert await tasks.get(task.id) == task


async def test_work_does_not_begin_before_its_dependencies_are_done(
    tasks: Tasks, store: FakeCollabStore
) -> None:
    one, two = await made(tasks), await made(tasks)
    task = await made(tasks, one, two)
    assert await column(store, task) == ("blocked", (one.id, two.id))
    await walked(tasks, one, S.DONE)
    with pytest.raises(DependenciesUnmet, match=two.id) as refused:
        await tasks.transition(task.id, S.CLAIMED, ADA)
    assert refused.value.facts["blocked_by"] == [two.id]
    await walked(tasks, two, S.DONE)
    assert (await tasks.transition(task.id, S.CLAIMED, ADA)).status is S.CLAIMED


async def test_finishing_the_last_dependency_frees_each_waiting_task(tasks: Tasks, outbox: Outbox) -> None:
    one, two = await made(tasks), await made(tasks)
    both, last = await made(tasks, one, two), await made(tasks, two)
    await walked(tasks, one, S.DONE)
    assert "task_freed" not in outbox.names()
    await walked(tasks, two, S.DONE)
    freed = {event.target: event.details for event in outbox.events if event.event == "task_freed"}
    assert freed == {task.id: {"project_id": "app", "by": two.id} for task in (both, last)}
    assert (await tasks.get(both.id)).status is S.QUEUED


async def test_a_task_blocked_for_its_dependencies_alone_is_queued_again(
    tasks: Tasks, outbox: Outbox
) -> None:
    one = await made(tasks)
    task = await made(tasks, one)
    await tasks.transition(task.id, S.BLOCKED, ADA)
    await walked(tasks, one, S.DONE)
    after = await tasks.get(task.id)
    assert (after.status, after.facts) == (S.QUEUED, {})
    assert outbox.names()[-2:] == ["task_freed", "task_moved"]


async def test_a_task_blocked_for_another_reason_is_freed_and_stays_blocked(
    tasks: Tasks, outbox: Outbox
) -> None:
    one, task = await made(tasks), await made(tasks)
    await tasks.transition(task.id, S.BLOCKED, ADA, "the vendor must answer")
    await patched(tasks, task, depends_on=(one.id,))
    await walked(tasks, one, S.DONE)
    assert outbox.names()[-1] == "task_freed"
    assert (await tasks.get(task.id)).status is S.BLOCKED


async def test_a_cancelled_dependency_frees_nobody(
    tasks: Tasks, store: FakeCollabStore, outbox: Outbox
) -> None:
    one = await made(tasks)
    task = await made(tasks, one)
    await tasks.transition(one.id, S.CANCELLED, ADA)
    assert "task_freed" not in outbox.names()
    found = await store.read(lambda view: shown(view, task).standing)
    assert found.needs_you
    assert f"{one.id} is cancelled" in found.because


async def test_taking_the_last_unmet_dependency_away_frees_as_well(tasks: Tasks, outbox: Outbox) -> None:
    one = await made(tasks)
    task = await made(tasks, one)
    await tasks.transition(task.id, S.BLOCKED, ADA)
    assert (await patched(tasks, task, depends_on=())).status is S.QUEUED
    assert outbox.names()[-3:] == ["task_changed", "task_freed", "task_moved"]


async def test_dependencies_must_be_there_for_the_caller(tasks: Tasks, store: FakeCollabStore) -> None:
    with pytest.raises(DependencyNotFound, match="T-99"):
        await tasks.create(new(depends_on=("T-99",)), "ada")
    foreign = await made(tasks, project_id="secret")
    await store.read(lambda view: check_dependencies(view, None, [foreign.id], None))
    with pytest.raises(DependencyNotFound):
        await store.read(lambda view: check_dependencies(view, None, [foreign.id], frozenset({"app"})))


async def test_a_cycle_is_refused_with_its_path(tasks: Tasks) -> None:
    one = await made(tasks)
    two = await made(tasks, one)
    three = await made(tasks, two)
    with pytest.raises(DependencyCycle) as refused:
        await patched(tasks, one, depends_on=(three.id,))
    assert refused.value.facts["path"] == [one.id, three.id, two.id, one.id]
    with pytest.raises(DependencyCycle):
        await patched(tasks, one, depends_on=(one.id,))
    assert (await tasks.get(one.id)).depends_on == ()


@given(wishes=st.lists(st.tuples(st.integers(1, 6), st.sets(st.integers(1, 6), max_size=3)), max_size=20))
async def test_whatever_is_wished_no_task_ever_waits_for_itself(wishes: list[tuple[int, set[int]]]) -> None:
    tasks = Tasks(FakeCollabStore(Outbox(), Clock()))
    for _ in range(6):
        await made(tasks)
    edges: dict[str, set[str]] = {f"T-{number}": set() for number in range(1, 7)}
    for number, wanted in wishes:
        task_id, wish = f"T-{number}", {f"T-{one}" for one in wanted}
        closes = any(reaches(edges, one, task_id) for one in wish)
        try:
            await patched(tasks, await tasks.get(task_id), depends_on=tuple(sorted(wish)))
        except DependencyCycle as refused:
            assert closes
            path = refused.facts["path"]
            assert isinstance(path, list)
            assert path[0] == path[-1] == task_id
            assert path[1] in wish
            assert all(after in edges[before] for before, after in itertools.pairwise(path[1:]))
        else:
            assert not closes
            edges[task_id] = wish


def reaches(edges: dict[str, set[str]], start: str, end: str) -> bool:
    seen, rim = set[str](), {start}
    while rim:
        if end in rim:
            return True
        seen |= rim
        rim = set[str]().union(*(edges[one] for one in rim)) - seen
    return False


@pytest.mark.parametrize("target", [S.APPROVED, S.MERGING, S.DONE])
async def test_an_open_checklist_stops_approval_and_all_after_it(
    tasks: Tasks, store: FakeCollabStore, target: TaskStatus
) -> None:
    before = {S.APPROVED: S.REVIEW, S.MERGING: S.APPROVED, S.DONE: S.MERGING}[target]
    items = (ChecklistItem("Tests"), ChecklistItem("Docs", done=True), ChecklistItem("Review"))
    task = await walked(tasks, await made(tasks), before)
    await store.write(lambda board: board.put_task(replace(task, checklist=items, version=task.version + 1)))
    with pytest.raises(ChecklistOpen, match=re.escape("Tests; Review")) as refused:
        await tasks.transition(task.id, target, ADA)
    assert refused.value.facts["open"] == ["Tests", "Review"]


async def test_what_is_approved_keeps_its_checklist_done(tasks: Tasks) -> None:
    done = (ChecklistItem("Tests", done=True),)
    task = await walked(tasks, await made(tasks, checklist=done), S.APPROVED)
    with pytest.raises(ChecklistOpen):
        await patched(tasks, task, checklist=(*done, ChecklistItem("Docs")))
    assert (await patched(tasks, task, title="x")).checklist == done


async def test_facts_are_noted_without_an_event_and_taken_back(tasks: Tasks, outbox: Outbox) -> None:
    task = await made(tasks)

    async def note(**facts: str | None) -> Task:
        tasks.note_facts_in(None, task.id, facts)
        return await tasks.get(task.id)

    noted = await note(run_id="run_1", checks="pending")
    assert (noted.facts, noted.version) == ({"run_id": "run_1", "checks": "pending"}, 2)
    assert (await note(checks="pending")).version == 2
    assert (await note(checks=None)).facts == {"run_id": "run_1"}
    assert outbox.names() == ["task_created"]
    with pytest.raises(TaskNotFound):
        tasks.note_facts_in(None, "T-9", {"run_id": "run_1"})
