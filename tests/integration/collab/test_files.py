"""State in files: what was answered stands in them, whatever stood in their way."""

import asyncio
import fcntl
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from kyros.collab.model import Kind, TaskChange, Writer
from kyros.collab.store.files import folder as folder_module
from kyros.infra.db import SqliteDatabase
from kyros.kernel.errors import Conflict
from tests.integration.collab.file_homes import WANTED, FileHome, file_home


@pytest.fixture
async def home(database: SqliteDatabase, tmp_path: Path) -> AsyncIterator[FileHome]:
    async with file_home(database, tmp_path / "collaboration" / "state") as home:
        yield home


def title(text: str) -> TaskChange:
    return TaskChange({"title": text})


async def retitle(home: FileHome, task_id: str, text: str) -> None:
    await home.tasks.patch(task_id, title(text), Writer("ada"), "*")


async def test_a_new_home_has_three_empty_files(home: FileHome) -> None:
    assert [home.file(kind.value)[kind.value] for kind in Kind] == [[], [], []]
    assert {path.name for path in home.folder.iterdir()} == {
        ".lock",
        "agents.json",
        "locks.json",
        "tasks.json",
    }


async def test_a_write_that_was_answered_stands_in_the_file_under_its_etag(home: FileHome) -> None:
    task = await home.tasks.create(WANTED, "ada")
    assert home.file()["tasks"] == [{**task.document(), "etag": task.etag.strip('"')}]
    revision = await home.store.read(lambda view: view.revision(Kind.TASKS))
    assert (home.file()["revision"], home.file()["etag"]) == (revision.number, revision.etag.strip('"'))


async def test_a_refused_write_leaves_the_files_alone(home: FileHome) -> None:
    await home.tasks.create(WANTED, "ada")
    before = home.path("tasks").stat()

    def refuse(board: object) -> None:
        raise Conflict("no")

    with pytest.raises(Conflict):
        await home.store.write(refuse)
    assert home.path("tasks").stat() == before


async def test_a_write_replaces_only_the_file_it_touched(home: FileHome) -> None:
    before = {kind: home.path(kind.value).stat().st_ino for kind in Kind}
    await home.tasks.create(WANTED, "ada")
    after = {kind: home.path(kind.value).stat().st_ino for kind in Kind}
    assert [kind for kind in Kind if before[kind] != after[kind]] == [Kind.TASKS]


async def test_writers_at_once_share_replaces(home: FileHome, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted at the one place that replaces; nothing of it is changed."""
    await home.tasks.create(WANTED, "ada")
    replaced: list[str] = []
    real = folder_module.replace_file

    def counting(path: Path, *rest: object) -> os.stat_result:
        replaced.append(path.name)
        return real(path, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(folder_module, "replace_file", counting)
    await asyncio.gather(*(home.tasks.create(WANTED, "ada") for _ in range(64)))
    assert len(home.titles()) == 65
    assert len(replaced) <= 8


async def test_git_shows_only_the_lines_of_what_changed(home: FileHome) -> None:
    for _ in range(20):
        await home.tasks.create(WANTED, "ada")

    def git(*words: str) -> str:
        command = ["git", "-C", str(home.folder), "-c", "user.name=a", "-c", "user.email=a@b", *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    git("init")
    git("add", "tasks.json")
    git("commit", "-m", "before")
    await retitle(home, "T-7", "Wash the bicycle")
    assert git("diff", "--numstat").split() == ["6", "6", "tasks.json"]
    await home.tasks.create(WANTED, "ada")
    assert "Wash the bicycle" in git("diff")


async def test_a_write_in_another_transaction_reaches_the_files_when_woken(home: FileHome) -> None:
    heard: list[str] = []
    database = home.rows._database
    database.listener = lambda topics: heard.extend(topics)
    await database.write(lambda connection: home.tasks.create_in(connection, WANTED, "ada"))
    assert "collab" in heard
    home.store.wake()
    await asyncio.gather(*home.store._tasks)
    assert home.titles() == ["Wash the car"]


async def test_files_catch_up_at_opening(database: SqliteDatabase, tmp_path: Path) -> None:
    async with file_home(database, tmp_path / "state") as first:
        await first.tasks.create(WANTED, "ada")
    await database.write(lambda connection: first.tasks.create_in(connection, WANTED, "ada"))
    async with file_home(database, tmp_path / "state") as second:
        assert second.titles() == ["Wash the car"] * 2


async def test_a_missing_file_is_made_anew(home: FileHome) -> None:
    await home.tasks.create(WANTED, "ada")
    home.path("tasks").unlink()
    home.path("locks").unlink()
    await home.tasks.create(WANTED, "ada")
    assert len(home.titles()) == 2
    assert home.file("locks")["locks"] == []
    assert home.kept() == []


async def test_a_folder_removed_while_running_is_made_anew(home: FileHome) -> None:
    await home.tasks.create(WANTED, "ada")
    for path in home.folder.iterdir():
        path.unlink()
    home.folder.rmdir()
    await home.tasks.create(WANTED, "ada")
    assert len(home.titles()) == 2
    assert home.store.trouble is None


async def test_two_on_one_folder_see_and_keep_each_others_writes(
    home: FileHome, database: SqliteDatabase
) -> None:
    other_database = SqliteDatabase(database.path)
    async with file_home(other_database, home.folder) as other:
        for number in range(10):
            one, two = (home, other) if number % 2 else (other, home)
            await asyncio.gather(one.tasks.create(WANTED, "ada"), two.tasks.create(WANTED, "bob"))
            assert len(home.titles()) == 2 * (number + 1)
        assert home.kept() == []
    other_database.close()


# What stands in the way


@pytest.mark.parametrize("what", ["a symbolic link", "a folder", "no plain file"])
async def test_what_is_no_file_is_not_followed_and_holds_up_nobody(
    home: FileHome, tmp_path: Path, what: str
) -> None:
    path, elsewhere = home.path("tasks"), tmp_path / "elsewhere"
    elsewhere.write_text("mine")
    path.unlink()
    match what:
        case "a symbolic link":
            path.symlink_to(elsewhere)
        case "a folder":
            path.mkdir()
        case _:
            os.mkfifo(path)
    task = await home.tasks.create(WANTED, "ada")
    assert home.store.trouble is not None
    assert f"tasks.json is {what}" in home.store.trouble
    assert elsewhere.read_text() == "mine"
    assert (await home.tasks.get(task.id)).title == "Wash the car"
    path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    await home.tasks.create(WANTED, "ada")
    assert home.store.trouble is None
    assert len(home.titles()) == 2


def fill(path: Path) -> None:
    """To the last byte."""
    with open(path, "wb", buffering=0) as filler:
        for size in (65536, 1):
            with suppress(OSError):
                while True:
                    filler.write(bytes(size))


async def test_a_full_disk_holds_up_nobody_and_leaves_nothing_half_written(
    database: SqliteDatabase, small_disk: Path
) -> None:
    async with file_home(database, small_disk / "state") as home:
        await home.tasks.create(WANTED, "ada")
        fill(small_disk / "filler")
        for _ in range(3):
            await home.tasks.create(WANTED, "ada")
        assert home.titles() == ["Wash the car"]
        assert home.store.trouble is not None
        assert "is full" in home.store.trouble
        assert not list(home.folder.glob(".*.json.*"))
        (small_disk / "filler").unlink()
        await home.tasks.create(WANTED, "ada")
        assert home.store.trouble is None
        assert len(home.titles()) == 5


async def test_trouble_passes_by_itself(home: FileHome, tmp_path: Path) -> None:
    home.path("tasks").rename(tmp_path / "tasks.json")
    home.path("tasks").mkdir()
    await home.tasks.create(WANTED, "ada")
    home.path("tasks").rmdir()
    async with asyncio.timeout(20):
        while home.store.trouble is not None:
            await asyncio.sleep(0.02)
    assert home.titles() == ["Wash the car"]


async def test_what_a_cancelled_writer_committed_reaches_the_files(home: FileHome) -> None:
    writing = asyncio.ensure_future(home.tasks.create(WANTED, "ada"))
    await asyncio.sleep(0)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    while home.store._tasks:
        await asyncio.gather(*home.store._tasks)
    assert len(await home.store.read(lambda view: view.all_tasks())) == 1
    assert home.titles() == ["Wash the car"]


async def test_nobody_writes_while_another_process_has_the_lock(home: FileHome) -> None:
    with open(home.folder / ".lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        writing = asyncio.ensure_future(home.tasks.create(WANTED, "ada"))
        await asyncio.wait({writing}, timeout=0.3)
        assert len(await home.store.read(lambda view: view.all_tasks())) == 1
        assert not writing.done()
        assert home.titles() == []
    await writing
    assert home.titles() == ["Wash the car"]


async def test_leftovers_of_a_killed_replace_are_swept_up(database: SqliteDatabase, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / ".tasks.json.abcd").write_text("half")
    async with file_home(database, tmp_path / "state") as home:
        assert not list(home.folder.glob(".tasks.json.*"))


async def test_files_newer_than_a_restored_database_are_kept(
    tmp_path: Path, database: SqliteDatabase
) -> None:
    from kyros.infra.db import metadata

    async with file_home(database, tmp_path / "state") as home:
        for _ in range(3):
            await home.tasks.create(WANTED, "ada")
        known = home.path("tasks").read_bytes()
    older = SqliteDatabase(tmp_path / "older.db")
    metadata.create_all(older._engine)
    async with file_home(older, tmp_path / "state") as restored:
        assert restored.titles() == []
        (refused,) = await restored.events("state_file_refused")
        assert "newer than the database" in str(refused.details["reason"])
        assert [path.read_bytes() for path in restored.kept()] == [known]
    older.close()
