"""State files under kill -9 between the commit and the replace. Many at once: system/test_hammered."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kyros.infra.db import SqliteDatabase
from tests.integration.collab.file_homes import WANTED, file_home

ROOT = Path(__file__).parents[3]


def python(code: str, *words: object) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", code, *map(str, words)], cwd=ROOT)


DIE = """
import asyncio, os, signal, sys
from pathlib import Path
from kyros.infra.db import SqliteDatabase
from kyros.collab.store.files import folder as folder_module
from tests.integration.collab.file_homes import WANTED, file_home

real = folder_module.replace_file

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def before_the_replace(*given):
    die()

def before_the_rename(path, content, mode, last_look):
    return real(path, content, mode, die)

def after_the_rename(*given):
    real(*given)
    die()

async def main(path, folder, point, when):
    if when == "opening":
        folder_module.replace_file = globals()[point]
    async with file_home(SqliteDatabase(Path(path)), Path(folder)) as home:
        folder_module.replace_file = globals()[point]
        await home.tasks.create(WANTED, "bob")

asyncio.run(main(*sys.argv[1:]))
"""

POINTS = ["before_the_replace", "before_the_rename", "after_the_rename"]


@pytest.mark.parametrize("point", POINTS)
async def test_killed_between_commit_and_answer_the_next_opening_brings_the_files_up_to_date(
    database: SqliteDatabase, tmp_path: Path, point: str
) -> None:
    folder = tmp_path / "state"
    async with file_home(database, folder) as home:
        await home.tasks.create(WANTED, "ada")
    before = home.path("tasks").read_bytes()
    child = python(DIE, database.path, folder, point, "writing")
    assert await asyncio.to_thread(child.wait) == -signal.SIGKILL
    assert (home.path("tasks").read_bytes() == before) == (point != "after_the_rename")
    async with file_home(database, folder) as again:
        assert len(again.titles()) == 2
        assert len(await again.events("task_created")) == 2
        assert again.kept() == []
        names = sorted(path.name for path in folder.iterdir())
        assert names == [".lock", "agents.json", "locks.json", "tasks.json"]


@pytest.mark.parametrize("point", POINTS)
async def test_killed_after_an_edit_was_taken_it_is_taken_once(
    database: SqliteDatabase, tmp_path: Path, point: str
) -> None:
    folder = tmp_path / "state"
    async with file_home(database, folder) as home:
        await home.tasks.create(WANTED, "ada")
    home.edit(lambda value: value["tasks"].append({"project_id": "house", "title": "By hand"}))
    child = python(DIE, database.path, folder, point, "opening")
    assert await asyncio.to_thread(child.wait) == -signal.SIGKILL
    async with file_home(database, folder) as again:
        assert again.titles() == ["Wash the car", "By hand"]
        assert len(await again.events("task_created")) == 2
        assert again.kept() == []
