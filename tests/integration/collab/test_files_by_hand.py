"""State files edited by hand: taken by the same rules as at the doors, or refused whole and kept aside."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from kyros.collab.model import Kind, TaskChange, TaskStatus, Writer
from kyros.collab.model.registry import NewAgent
from kyros.collab.service.agents import Agents
from kyros.collab.service.leases import Leases
from kyros.collab.store.files import folder as folder_module
from kyros.infra.db import SqliteDatabase
from tests.integration.collab.file_homes import WANTED, FileHome, file_home

AT = "2026-11-20T12:00:00.000000Z"


@pytest.fixture
async def home(database: SqliteDatabase, tmp_path: Path) -> AsyncIterator[FileHome]:
    async with file_home(database, tmp_path / "collaboration" / "state") as home:
        await home.tasks.create(WANTED, "ada")
        await home.tasks.create(WANTED, "ada")
        yield home


async def settled(home: FileHome) -> None:
    home.store.wake()
    await asyncio.gather(*home.store._tasks)


async def refused(home: FileHome, wrote: bytes, name: str = "tasks") -> str:
    """The reason, once it is sure that what was written is kept and the good content back."""
    good = home.path(name).read_bytes()
    (event,) = await home.events("state_file_refused")
    (kept,) = home.kept()
    assert kept.read_bytes() == wrote != good
    assert event.actor == "kyros"
    assert event.target == event.details["file"] == f"{name}.json"
    assert event.details["kept"] == f"set-aside/{kept.name}"
    return str(event.details["reason"])


def set_first(**fields: Any) -> Callable[[Any], None]:
    return lambda value: value["tasks"][0].update(fields)


async def test_an_edit_is_a_new_version_with_its_event(home: FileHome) -> None:
    home.edit(set_first(title="Wash the bicycle", labels=["wheels"], estimate_minutes=30))
    await settled(home)
    task = await home.tasks.get("T-1")
    assert (task.title, task.labels, task.estimate_minutes, task.version) == (
        "Wash the bicycle", ("wheels",), 30, 2,
    )  # fmt: skip
    (event,) = await home.events("task_changed")
    assert (event.actor, event.target) == ("file", "T-1")
    assert event.details["fields"] == ["title", "labels", "estimate_minutes"]
    assert home.file()["tasks"][0] == {**task.document(), "etag": task.etag.strip('"')}
    assert home.kept() == []


async def test_the_running_server_notices_by_itself(home: FileHome) -> None:
    watching = asyncio.create_task(home.store.watch())
    home.edit(set_first(title="Wash the bicycle"))
    async with asyncio.timeout(20):
        while (await home.tasks.get("T-1")).version == 1:
            await asyncio.sleep(0.02)
    watching.cancel()
    assert (await home.tasks.get("T-1")).title == "Wash the bicycle"


async def test_an_edit_comes_before_the_write_after_it(home: FileHome) -> None:
    home.edit(set_first(title="Wash the bicycle"))
    patched = await home.tasks.patch("T-1", TaskChange({"assignee": "bob"}), Writer("ada"), "*")
    assert (patched.title, patched.assignee, patched.version) == ("Wash the bicycle", "bob", 3)
    assert home.titles()[0] == "Wash the bicycle"


async def test_an_edit_saved_during_a_replace_is_not_written_over(
    home: FileHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = folder_module.replace_file

    def slow(*given: Any) -> Any:
        monkeypatch.undo()
        home.edit(lambda value: value["tasks"][1].update(title="Saved just now"))
        return real(*given)

    monkeypatch.setattr(folder_module, "replace_file", slow)
    await home.tasks.patch("T-1", TaskChange({"title": "Written"}), Writer("ada"), "*")
    assert home.titles() == ["Written", "Saved just now"]
    assert home.kept() == []


async def test_an_edit_made_while_kyros_was_stopped_is_taken_at_opening(
    database: SqliteDatabase, tmp_path: Path
) -> None:
    async with file_home(database, tmp_path / "state") as home:
        await home.tasks.create(WANTED, "ada")
    home.edit(set_first(title="Wash the bicycle"))
    async with file_home(database, tmp_path / "state") as again:
        assert (await again.tasks.get("T-1")).title == "Wash the bicycle"
        assert again.file()["tasks"][0]["version"] == 2


async def test_the_same_text_saved_again_is_taken_once(home: FileHome) -> None:
    wrote = home.edit(lambda value: value["tasks"].append({"project_id": "house", "title": "More"}))
    await settled(home)
    home.save(wrote)
    await settled(home)
    assert home.titles() == ["Wash the car", "Wash the car", "More"]
    assert home.kept() == []


async def test_a_new_task_gets_an_id_and_may_be_waited_for(home: FileHome) -> None:
    def add(value: Any) -> None:
        value["tasks"][0]["depends_on"] = ["T-40"]
        value["tasks"].append({"project_id": "house", "title": "First"})
        value["tasks"].append({"id": "T-40", "project_id": "house", "title": "Second"})

    home.edit(add)
    await settled(home)
    assert [(task["id"], task["title"]) for task in home.file()["tasks"][2:]] == [
        ("T-3", "First"), ("T-40", "Second"),
    ]  # fmt: skip
    assert (await home.tasks.get("T-1")).depends_on == ("T-40",)
    created = await home.events("task_created")
    assert [event.actor for event in created[2:]] == ["file", "file"]


async def test_a_move_follows_the_table_after_the_checklist_is_ticked(home: FileHome) -> None:
    home.edit(set_first(status="cancelled", title="Never mind"))
    await settled(home)
    task = await home.tasks.get("T-1")
    assert (task.status, task.title) == (TaskStatus.CANCELLED, "Never mind")
    (moved,) = await home.events("task_moved")
    assert moved.actor == "file"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"status": "done"}, "cannot become done"),
        ({"status": "finished"}, "T-1: status"),
        ({"version": 9}, "version is Kyros' own"),
        ({"facts": {"checks": "passed"}}, "facts is Kyros' own"),
        ({"created_at": AT}, "created_at is Kyros' own"),
        ({"project_id": "garden"}, "project_id is Kyros' own"),
        ({"title": ""}, "T-1: title"),
        ({"title": "x" * 201}, "T-1: title"),
        ({"title": "two\nlines"}, "T-1: title"),
        ({"title": 7}, "T-1: title"),
        ({"labels": "one"}, "T-1: labels"),
        ({"estimate_minutes": -1}, "T-1: estimate_minutes"),
        ({"budget": {"usd": -1}}, "T-1: budget.usd"),
        ({"checklist": [{"text": "a", "don": True}]}, "T-1: checklist.0.don"),
        ({"colour": "red"}, "T-1: colour"),
        ({"depends_on": ["T-1"]}, "T-1"),
        ({"depends_on": ["T-99"]}, "T-99"),
        ({"etag": "1-0000000000000000"}, "etag line changed"),
        ({"id": "T-2"}, "T-2 is there twice"),
    ],
)
async def test_what_the_doors_refuse_is_refused_here_too(
    home: FileHome, fields: dict[str, Any], said: str
) -> None:
    def change(value: Any) -> None:
        value["tasks"][0].update(fields)
        value["tasks"][1]["title"] = "An honest change"

    before = home.path("tasks").read_bytes()
    wrote = home.edit(change)
    await settled(home)
    assert said in await refused(home, wrote)
    assert home.path("tasks").read_bytes() == before
    assert await home.events("task_changed") == []


async def test_a_task_cannot_be_taken_out(home: FileHome) -> None:
    wrote = home.edit(lambda value: value["tasks"].pop(0))
    await settled(home)
    assert "never removed" in await refused(home, wrote)
    assert len(home.titles()) == 2


async def test_a_circle_of_dependencies_is_refused(home: FileHome) -> None:
    def circle(value: Any) -> None:
        value["tasks"][0]["depends_on"] = ["T-2"]
        value["tasks"][1]["depends_on"] = ["T-1"]

    wrote = home.edit(circle)
    await settled(home)
    assert "T-1" in await refused(home, wrote)
    assert (await home.tasks.get("T-1")).depends_on == ()


async def test_a_task_that_somebody_holds_cannot_be_edited(home: FileHome) -> None:
    await Leases(home.store).acquire(["task:T-1"], "bob", 60)
    wrote = home.edit(set_first(title="Wash the bicycle"))
    await settled(home)
    assert "held by bob" in await refused(home, wrote)


async def test_an_edit_of_what_changed_meanwhile_is_refused_and_an_old_copy_beside_it_is_not(
    home: FileHome,
) -> None:
    read = home.file()
    await home.tasks.patch("T-1", TaskChange({"title": "Newer"}), Writer("ada"), "*")
    read["tasks"][1]["title"] = "Mine"
    home.edit(lambda value: value.update(read))
    await settled(home)
    assert home.titles() == ["Newer", "Mine"]
    read["tasks"][0]["title"] = "Lost?"
    wrote = home.edit(lambda value: value.update(read))
    await settled(home)
    assert "T-1 has changed since" in await refused(home, wrote)
    assert home.titles() == ["Newer", "Mine"]


async def test_an_old_copy_put_back_whole_is_no_edit(home: FileHome) -> None:
    old = home.path("tasks").read_bytes()
    await home.tasks.patch("T-1", TaskChange({"title": "Newer"}), Writer("ada"), "*")
    home.save(old)
    await settled(home)
    assert home.titles() == ["Newer", "Wash the car"]
    assert home.kept() == []


async def test_leases_are_never_edited(home: FileHome) -> None:
    await Leases(home.store).acquire(["task:T-1"], "bob", 60)
    wrote = home.edit(lambda value: value["locks"][0].update(holder="eve"), "locks")
    await settled(home)
    assert "through the API" in await refused(home, wrote, "locks")
    assert home.file("locks")["locks"][0]["holder"] == "bob"


async def registered(home: FileHome) -> Agents:
    agents = Agents(home.store, home.tokens)
    await agents.register(NewAgent("bob", skills=("rust",)), "ada")
    return agents


async def test_what_people_set_of_an_agent_may_be_edited(home: FileHome) -> None:
    agents = await registered(home)
    home.edit(
        lambda value: value["agents"][0].update(skills=["rust", "go"], available=False, projects=["house"]),
        "agents",
    )
    await agents.saw("bob")
    changed = await agents.get("bob")
    assert (changed.skills, changed.available, changed.projects) == (("rust", "go"), False, ("house",))
    events = await home.events("agent_changed", "agent_availability_changed")
    assert [(event.actor, event.target) for event in events] == [("file", "bob")] * 2
    assert home.kept() == []


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": "eve"}, "kyros agent register eve"),
        ({"role": "king"}, "bob: role"),
        ({"version": 9}, "version is Kyros' own"),
        ({"skills": ["a", "a"]}, "bob: skills"),
        ({"token": "x"}, "bob: token"),
    ],
)
async def test_the_rest_of_an_agent_may_not(home: FileHome, fields: dict[str, Any], said: str) -> None:
    agents = await registered(home)
    wrote = home.edit(lambda value: value["agents"][0].update(fields), "agents")
    await settled(home)
    assert said in await refused(home, wrote, "agents")
    assert (await agents.get("bob")).version == 1


async def test_an_agents_presence_is_nobodys_edit(home: FileHome) -> None:
    agents = await registered(home)
    old = home.path("agents").read_bytes()
    await agents.saw("bob")
    home.save(old, "agents")
    await settled(home)
    assert home.file("agents")["agents"][0]["last_seen"] is not None
    assert home.kept() == []


@pytest.mark.parametrize("content", [b"", b"{", b"\0" * 4096, b"\xff\xfe"])
async def test_a_corrupted_file_is_kept_aside_at_start_and_made_anew(
    database: SqliteDatabase, tmp_path: Path, content: bytes
) -> None:
    async with file_home(database, tmp_path / "state") as home:
        await home.tasks.create(WANTED, "ada")
    home.path("tasks").write_bytes(content)
    async with file_home(database, tmp_path / "state") as again:
        assert again.titles() == ["Wash the car"]
        assert again.store.trouble is None
        await refused(again, content)


async def test_what_is_kept_aside_is_never_overwritten(home: FileHome) -> None:
    for number in range(5):
        home.save(b"broken %d" % number)
        await settled(home)
    assert sorted(path.read_bytes() for path in home.kept()) == [b"broken %d" % n for n in range(5)]


async def test_a_file_that_is_only_touched_or_laid_out_anew_is_left_in_peace(home: FileHome) -> None:
    before = home.path("tasks").read_bytes()
    home.path("tasks").touch()
    await settled(home)
    home.edit(lambda value: None)
    await settled(home)
    assert home.path("tasks").read_bytes() == before
    assert await home.events("task_changed", "state_file_refused") == []
    assert (await home.store.read(lambda view: view.revision(Kind.TASKS))).number == home.file()["revision"]
