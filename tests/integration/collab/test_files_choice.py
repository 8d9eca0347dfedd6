"""Which store a home uses, and moving from one to the other without losing or halving anything."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kyros.collab.errors import StateUnusable, StoreRefused
from kyros.collab.model import Kind, Which
from kyros.collab.service.leases import Leases
from kyros.collab.store.files.choice import Keeping, chosen, look
from kyros.infra.db import Database, SqliteDatabase
from tests.integration.collab.file_homes import WANTED, FileHome, file_home

ROOT = Path(__file__).parents[3]


async def rows_only(database: Database, folder: Path, tasks: int = 3) -> FileHome:
    """A home that keeps its state in rows."""
    home = FileHome(database, folder)
    await database.write(chosen)
    await database.write(
        lambda connection: connection.exec_driver_sql("UPDATE collab_facts SET value = 'sql'")
    )
    for _ in range(tasks):
        await home.rows.write(lambda board: home.tasks.create_in(board.transaction, WANTED, "ada"))
    await Leases(home.rows).acquire(["task:T-1"], "bob", 60)
    return home


def keeping(database: Database, home: FileHome) -> Keeping:
    return Keeping(database, home.rows, home.hand_edits, home.folder)


async def test_a_new_home_uses_files_and_keeps_to_them(database: SqliteDatabase, tmp_path: Path) -> None:
    assert await database.read(look) is Which.FILES
    assert await database.write(chosen) is Which.FILES
    async with file_home(database, tmp_path / "state") as home:
        await home.tasks.create(WANTED, "ada")
    assert await database.write(chosen) is Which.FILES


async def test_a_home_with_tasks_from_before_stays_with_rows(
    database: SqliteDatabase, tmp_path: Path
) -> None:
    home = FileHome(database, tmp_path / "state")
    await home.rows.write(lambda board: home.tasks.create_in(board.transaction, WANTED, "ada"))
    assert await database.read(look) is Which.SQL
    assert await database.write(chosen) is Which.SQL


async def test_postgres_has_rows_and_refuses_files(postgres: Database, tmp_path: Path) -> None:
    assert await postgres.write(chosen) is Which.SQL
    home = FileHome(postgres, tmp_path / "state")
    with pytest.raises(StoreRefused, match="several machines"):
        await keeping(postgres, home).to_files()
    assert not home.folder.exists()
    await home.store.close()


async def test_to_files_writes_everything_and_then_switches(database: SqliteDatabase, tmp_path: Path) -> None:
    home = await rows_only(database, tmp_path / "state")
    kept = await keeping(database, home).to_files()
    assert (kept.store, kept.counts) == (Which.FILES, {Kind.TASKS: 3, Kind.LOCKS: 1, Kind.AGENTS: 0})
    assert await database.write(chosen) is Which.FILES
    assert [task["id"] for task in home.file()["tasks"]] == ["T-1", "T-2", "T-3"]
    assert home.file("locks")["locks"][0]["holder"] == "bob"
    await home.store.close()


async def test_to_sql_takes_pending_edits_and_moves_the_files_aside(
    database: SqliteDatabase, tmp_path: Path
) -> None:
    await database.write(chosen)
    async with file_home(database, tmp_path / "state") as home:
        await home.tasks.create(WANTED, "ada")
    home.edit(lambda value: value["tasks"][0].update(title="Wash the bicycle"))
    again = FileHome(database, home.folder)
    kept = await keeping(database, again).to_sql()
    assert (kept.store, kept.counts[Kind.TASKS]) == (Which.SQL, 1)
    assert await database.write(chosen) is Which.SQL
    assert (await again.rows.read(lambda view: view.all_tasks()))[0].title == "Wash the bicycle"
    (moved,) = home.folder.glob("moved-*")
    assert {path.name for path in moved.iterdir()} == {"agents.json", "locks.json", "tasks.json"}
    assert not home.path("tasks").exists()
    await again.store.close()


async def test_nothing_is_switched_while_files_cannot_be_written(
    database: SqliteDatabase, tmp_path: Path
) -> None:
    home = await rows_only(database, tmp_path / "state")
    home.folder.mkdir()
    home.path("tasks").mkdir()
    with pytest.raises(StateUnusable, match=r"tasks\.json is a folder"):
        await keeping(database, home).to_files()
    assert await database.write(chosen) is Which.SQL
    await home.store.close()


async def test_files_and_rows_that_differ_are_not_switched(database: SqliteDatabase, tmp_path: Path) -> None:
    home = await rows_only(database, tmp_path / "state")
    await home.store.open()
    count = "UPDATE tasks SET title = 'another' WHERE number = 2"
    await database.write(lambda connection: connection.exec_driver_sql(count))
    with pytest.raises(StateUnusable, match="do not agree"):
        await keeping(database, home).to_files()
    assert await database.write(chosen) is Which.SQL
    await home.store.close()


MOVE = """
import asyncio, os, signal, sys
from pathlib import Path
from kyros.collab.store.files import choice, folder as folder_module
from kyros.infra.db import SqliteDatabase
from tests.integration.collab.file_homes import FileHome

async def main(path, folder, to, after):
    left = int(after)

    def dying(real):
        def work(*given):
            nonlocal left
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*given)
        return work

    folder_module.replace_file = dying(folder_module.replace_file)
    choice.put_fact = dying(choice.put_fact)
    Path.rename = dying(Path.rename)
    database = SqliteDatabase(Path(path))
    home = FileHome(database, Path(folder))
    keeping = choice.Keeping(database, home.rows, home.hand_edits, home.folder)
    await (keeping.to_files() if to == "files" else keeping.to_sql())
    database.close()

asyncio.run(main(*sys.argv[1:]))
"""


async def moving(database: SqliteDatabase, folder: Path, to: str, after: int) -> int:
    """Move, and die by kill -9 after so many steps. Returns the exit code."""
    words = [sys.executable, "-c", MOVE, str(database.path), str(folder), to, str(after)]
    return await asyncio.to_thread(subprocess.call, words, cwd=ROOT)


@pytest.mark.parametrize("to", ["files", "sql"])
async def test_killed_at_each_step_the_home_has_one_store_whole_and_the_move_can_be_done_again(
    database: SqliteDatabase, tmp_path: Path, to: str
) -> None:
    folder = tmp_path / "state"
    home = await rows_only(database, folder)
    if to == "sql":
        await keeping(database, home).to_files()
    await home.store.close()
    before = Which.FILES if to == "sql" else Which.SQL
    seen = set()
    for after in range(5):
        code = await moving(database, folder, to, after)
        now = await database.read(look)
        seen.add(now)
        if now is Which.FILES:
            async with file_home(database, folder) as files:
                assert len(files.titles()) == 3
        assert len(await FileHome(database, folder).rows.read(lambda view: view.all_tasks())) == 3
        if code == 0:
            break
        assert code == -signal.SIGKILL
    assert code == 0
    assert seen == {before, Which(to)}
