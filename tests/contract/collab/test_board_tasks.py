"""What every board promises of tasks: they come back whole, under ids of their own, and are found."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kyros.collab.model import Budget, ChecklistItem, Priority, Task, TaskQuery, TaskStatus
from kyros.collab.model.words import finds
from kyros.collab.ports import Board, CollabStore
from tests.contract.collab.items import task

FULL: dict[str, Any] = {
    "objective": "Say hello\nto 100 % of them? ünï 🦉",
    "constraints": "No 'quotes' \"lost\" \\ anywhere; %s ? $1",
    "acceptance_criteria": ("tests pass", "ünï 🦉"),
    "status": TaskStatus.REVIEW,
    "version": 12,
    "updated_at": "2026-11-21T12:00:00.123456Z",
    "checklist": (ChecklistItem("docs"), ChecklistItem("tests", done=True)),
    "depends_on": ("T-1", "T-2"),
    "priority": Priority.URGENT,
    "labels": ("backend", "Größe"),
    "assignee": "ada",
    "estimate_minutes": 90.5,
    "budget": Budget(tokens=10**15, usd=2.5, minutes=None),
    "facts": {"run_id": "run_1", "run_status": "running"},
}
RANDOM = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


async def add(store: CollabStore, title: str = "t", task_id: str | None = None, **fields: Any) -> Task:
    return await store.write(lambda board: board.add_task(task(title, **fields), task_id))


async def ids(store: CollabStore, **filters: Any) -> list[str]:
    found = await store.read(lambda view: view.tasks(TaskQuery(**filters)))
    return [one.id for one in found]


async def test_a_task_comes_back_whole(store: CollabStore) -> None:
    plain, full = await add(store), await add(store, "Full", **FULL)
    assert await store.read(lambda view: view.task("T-1")) == plain
    assert await store.read(lambda view: view.task("T-2")) == full == task("Full", **FULL)("T-2")


async def test_a_task_put_in_place_of_another_comes_back_whole(store: CollabStore) -> None:
    await add(store)
    full = task("Full", **FULL)("T-1")
    await store.write(lambda board: board.put_task(full))
    assert await store.read(lambda view: view.task("T-1")) == full
    plain = task("Plain")("T-1")
    await store.write(lambda board: board.put_task(plain))
    assert await store.read(lambda view: view.all_tasks()) == [plain]


async def test_a_task_that_is_not_there_cannot_be_replaced(store: CollabStore) -> None:
    await add(store)
    with pytest.raises(LookupError):
        await store.write(lambda board: board.put_task(task()("T-2")))
    assert await ids(store) == ["T-1"]


async def test_what_is_no_id_is_not_there(store: CollabStore) -> None:
    await add(store)
    unlike = [
        "T-2",
        "T-0",
        "T-01",
        "T-",
        "1",
        "t-1",
        "T--1",
        "T-٣",
        "T-1_0",
        "T-1 ",
        "T-1\n",
        "T-" + "9" * 40,
        "",
    ]
    for strange in unlike:
        assert await store.read(lambda view, strange=strange: view.task(strange)) is None
        assert await store.read(lambda view, strange=strange: view.waiting_for(strange)) == []


async def test_an_id_before_which_nothing_is_leaves_nothing(store: CollabStore) -> None:
    await add(store)
    assert await ids(store, before="T-1") == await ids(store, before="1' OR 1") == []


async def test_ids_count_up_and_past_those_given_by_hand(store: CollabStore) -> None:
    given = [await add(store), await add(store, task_id="T-100"), await add(store)]
    given += [await add(store, task_id="T-7"), await add(store)]
    assert [one.id for one in given] == ["T-1", "T-100", "T-101", "T-7", "T-102"]
    assert [one.id for one in await store.read(lambda view: view.all_tasks())] == [
        "T-1", "T-7", "T-100", "T-101", "T-102",
    ]  # fmt: skip


async def test_an_id_given_by_hand_in_a_fresh_store_is_the_first(store: CollabStore) -> None:
    assert [(await add(store, task_id="T-1")).id, (await add(store)).id] == ["T-1", "T-2"]


async def test_several_of_one_transaction_have_ids_of_their_own(store: CollabStore) -> None:
    made = await store.write(lambda board: [board.add_task(task()).id for _ in range(3)])
    assert made == ["T-1", "T-2", "T-3"]


async def test_an_id_that_is_none_or_taken_is_refused_and_no_number_used(store: CollabStore) -> None:
    await add(store)
    for wrong in ("T-1", "T-0", "seed"):
        with pytest.raises(Exception, match=r"no id of a task|refused"):
            await add(store, task_id=wrong)
    assert await ids(store) == ["T-1"]


async def test_pages_are_newest_first_and_go_on_below(store: CollabStore) -> None:
    for _ in range(11):
        await add(store)
    first = await ids(store, limit=4)
    assert first == ["T-11", "T-10", "T-9", "T-8"]
    assert await ids(store, limit=4, before=first[-1]) == ["T-7", "T-6", "T-5", "T-4"]
    assert await ids(store, limit=4, before="T-2") == ["T-1"]


async def test_filters_narrow_together(store: CollabStore) -> None:
    await add(store, labels=("ui", "bug"), assignee="ada")
    await add(store, labels=("ui",), assignee="bob", project_id="docs")
    await add(store, labels=("bug",), status=TaskStatus.DONE, project_id="docs")
    assert await ids(store, label="ui") == ["T-2", "T-1"]
    assert await ids(store, label="u") == await ids(store, label="UI") == []
    assert await ids(store, status=TaskStatus.QUEUED) == ["T-2", "T-1"]
    assert await ids(store, project_id="docs", label="bug") == ["T-3"]
    assert await ids(store, assignee="ada") == ["T-1"]
    assert await ids(store, projects=frozenset({"app"})) == ["T-1"]
    assert await ids(store, projects=frozenset({"app", "docs"}), label="bug") == ["T-3", "T-1"]
    assert await ids(store, projects=frozenset()) == []
    assert await ids(store, projects=frozenset({"app"}), project_id="docs") == []


async def test_labels_and_dependencies_are_found_as_they_are_now(store: CollabStore) -> None:
    one, two = await add(store), await add(store)
    three = await add(store, labels=("old",), depends_on=(one.id,))

    def waiting(task_id: str) -> Any:
        return store.read(lambda view: [found.id for found in view.waiting_for(task_id)])

    assert (await ids(store, label="old"), await waiting(one.id)) == ([three.id], [three.id])
    changed = replace(three, labels=("new",), depends_on=(two.id,), version=2)
    await store.write(lambda board: board.put_task(changed))
    assert (await ids(store, label="old"), await waiting(one.id)) == ([], [])
    assert (await ids(store, label="new"), await waiting(two.id)) == ([three.id], [three.id])
    assert await store.read(lambda view: view.waiting_for(two.id)) == [changed]


async def test_words_are_found_by_their_beginnings_whatever_the_case(store: CollabStore) -> None:
    await add(store, "Greet the night owls", labels=("Frontend",))
    await add(store, "Größe prüfen", acceptance_criteria=("snake_case and kebab-case",))
    await add(store, "x", checklist=(ChecklistItem("Write docs, see T-1"),), objective="v1.2.3")
    assert await ids(store, text="OWL gre") == await ids(store, text="front") == ["T-1"]
    assert await ids(store, text="größe") == await ids(store, text="GRÖSSE PRÜ") == ["T-2"]
    assert await ids(store, text="snake") == await ids(store, text="snake_case, kebab") == ["T-2"]
    assert await ids(store, text="v1.2") == ["T-3"]
    assert await ids(store, text="wls") == await ids(store, text="owls docs") == []


async def test_a_task_is_found_by_its_id_and_where_it_is_named(store: CollabStore) -> None:
    await add(store, task_id="T-100")
    await add(store, "Tidy 100 files", task_id="T-101")
    await add(store, "After T-100", task_id="T-5")
    assert await ids(store, text="T-100") == ["T-100", "T-5"]
    assert await ids(store, text="t-10") == ["T-101", "T-100", "T-5"]
    assert await ids(store, text="100") == ["T-101", "T-100", "T-5"]


async def test_words_are_found_as_they_are_now(store: CollabStore) -> None:
    made = await add(store, "Old title", checklist=(ChecklistItem("same"),))
    ticked = replace(made, checklist=(ChecklistItem("same", done=True),), version=2)
    await store.write(lambda board: board.put_task(ticked))
    assert await ids(store, text="old same") == ["T-1"]
    await store.write(lambda board: board.put_task(replace(ticked, title="New title", version=3)))
    assert (await ids(store, text="old"), await ids(store, text="new same")) == ([], ["T-1"])


async def test_words_of_refused_work_are_not_found(store: CollabStore) -> None:
    await add(store, "Kept")

    def refused(board: Board) -> None:
        board.add_task(task("Gone", labels=("gone",)))
        board.put_task(task("Gone")("T-1"))
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        await store.write(refused)
    assert await ids(store, text="gone") == await ids(store, label="gone") == []
    assert await ids(store, text="kept") == ["T-1"]


async def test_no_syntax_gets_through(store: CollabStore) -> None:
    made = await add(store, "The owls")
    hostile = [
        '"',
        '" OR 1',
        "owl*",
        "words:owls",
        "NEAR(owls)",
        "owls AND",
        "'",
        "' | 'a",
        "!(owls)",
        "a:*",
        "\\",
    ]
    for text in hostile:
        assert await ids(store, text=text) == ([made.id] if finds(made, text) else []), text


async def test_a_blank_search_finds_everything_and_signs_alone_nothing(store: CollabStore) -> None:
    await add(store)
    assert await ids(store, text="") == await ids(store, text="  \n") == ["T-1"]
    assert await ids(store, text="?!") == await ids(store, text="🦉") == []


async def test_a_very_long_task_is_kept_and_found(store: CollabStore) -> None:
    prose = " ".join(f"word{number}" for number in range(8_000))
    criteria = tuple(f"見出し{number}、" * 200 for number in range(100))
    made = await add(store, "x" * 50_000, objective=prose, acceptance_criteria=criteria, labels=("long",))
    assert await store.read(lambda view: view.task(made.id)) == made
    assert await ids(store, text="word7999") == await ids(store, text="x" * 60) == [made.id]
    assert await ids(store, text="x" * 300) == [made.id]


BITS = (
    """owl OWLS ow T-1 t- 12 Straße é e\u0301 日本 日本語 _ - a-b \u0130x ' " :* & 🦉 ﬁ ½ Ⅷ \u200d हिन्दी ٣"""
)
TEXTS = st.lists(st.sampled_from([*BITS.split(), "", "\n"]), max_size=6).map(" ".join) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12
)


@RANDOM
@given(titles=st.lists(TEXTS, min_size=1, max_size=5), asked=st.lists(TEXTS, min_size=1, max_size=5))
async def test_every_store_finds_the_same(store: CollabStore, titles: list[str], asked: list[str]) -> None:
    for title in titles:
        await add(store, title)
    tasks = await store.read(lambda view: view.all_tasks())
    for text in asked:
        expected = [one.id for one in reversed(tasks) if finds(one, text)]
        assert await ids(store, text=text, limit=1_000) == expected
