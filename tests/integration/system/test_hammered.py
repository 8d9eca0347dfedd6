"""Eight processes count in one field of one task, 200 times each: no change is lost, none told twice."""

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kyros.collab.service.tasks import Tasks
from kyros.collab.store import SqlCollabStore
from kyros.events.model import EVERYTHING, Event, EventFilter
from kyros.events.ports import EventLog
from kyros.events.store import SqlEventLog
from kyros.infra.db import PostgresPlace, SqliteDatabase, open_database
from tests.integration.collab.file_homes import WANTED, file_home
from tests.integration.system.counting import TASK
from tests.integration.system.house import Kyros
from tests.integration.system.test_main_job import kyros_command

ROOT = Path(__file__).parents[3]
PROCESSES, TIMES = 8, 200
ALL = PROCESSES * TIMES
UNCOUNTED = {"KYROS_RATE_READ": "900000/second", "KYROS_RATE_WRITE": "900000/second"}
"""The operator's requests are limited as anybody's; these come as fast as they can."""


@pytest.fixture(params=["files", "sql", "postgres"])
def counted(request: pytest.FixtureRequest, kyros: Kyros) -> Kyros:
    """A Kyros at work on this store, with one task."""
    environment = dict(UNCOUNTED)
    if request.param == "postgres":
        place: PostgresPlace = request.getfixturevalue("empty_postgres")
        environment["KYROS_DATABASE_URL"] = url_of(place)
    if request.param == "sql":
        kyros.start()
        assert kyros.stop() == 0
        assert kyros_command(kyros, "collab", "migrate", "--to", "sql").returncode == 0
    kyros.start(**environment)
    made = kyros.post("/api/collab/tasks", {"title": "Count", "project_id": "app"})
    assert made.json() == {"id": TASK}, made.text
    assert (kyros.home / "collaboration/state/tasks.json").exists() == (request.param == "files")
    return kyros


def test_eight_clients_count_together_over_http(counted: Kyros) -> None:
    count_together("http", str(counted.http.base_url), (counted.home / "operator.token").read_text().strip())
    task = counted.get(f"/api/collab/tasks/{TASK}")
    assert (task["estimate_minutes"], task["version"]) == (ALL, ALL + 1)
    check_events([event["details"] for event in all_events(counted)])


async def test_eight_processes_count_together_in_files_without_a_server(
    database: SqliteDatabase, tmp_path: Path
) -> None:
    folder = tmp_path / "state"
    async with file_home(database, folder) as home:
        await home.tasks.create(WANTED, "ada")
        await asyncio.to_thread(count_together, "files", str(database.path), str(folder))
        await check_count(home.tasks, home.log)
        assert home.file()["tasks"][0]["estimate_minutes"] == ALL
        assert await home.log.page(0, 1, EventFilter(event="state_file_refused")) == []
        assert home.kept() == []


@pytest.mark.parametrize("which", ["sqlite", "postgres"])
async def test_eight_processes_count_together_in_rows_without_a_server(
    request: pytest.FixtureRequest, which: str
) -> None:
    name = "database" if which == "sqlite" else "postgres_place"
    place: SqliteDatabase | PostgresPlace = request.getfixturevalue(name)
    at = place.path if isinstance(place, SqliteDatabase) else place
    with closing(open_database(at)) as rows:
        log = SqlEventLog(rows)
        tasks = Tasks(SqlCollabStore(rows, log))
        await tasks.create(WANTED, "ada")
        spelled = url_of(at) if isinstance(at, PostgresPlace) else str(at)
        await asyncio.to_thread(count_together, "rows", spelled, "")
        await check_count(tasks, log)


async def check_count(tasks: Tasks, log: EventLog) -> None:
    task = await tasks.get(TASK)
    assert (task.estimate_minutes, task.version) == (ALL, ALL + 1)
    found: list[Event] = []
    while page := await log.page(found[-1].id if found else 0, 500, EVERYTHING):
        found += page
    check_events([event.details for event in found if event.event == "task_changed"])


def url_of(place: PostgresPlace) -> str:
    return place.url.set(drivername="postgresql").render_as_string(hide_password=False)


def count_together(which: str, place: str, beside: str) -> None:
    command = [sys.executable, "-m", "tests.integration.system.counting", which, place, beside, str(TIMES)]
    hands = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(PROCESSES)
    ]
    said = [hand.communicate(timeout=100) for hand in hands]
    assert [hand.returncode for hand in hands] == [0] * PROCESSES, [error for _, error in said if error]
    assert sum(int(out) for out, _ in said) > 0, "nobody was ever in anybody's way: this proves nothing"


def check_events(details: Sequence[Any]) -> None:
    """Exactly one for each success, in their order, each from what was to what is."""
    assert [one["version"] for one in details] == list(range(2, ALL + 2))
    assert [one["new"]["estimate_minutes"] for one in details] == list(range(1, ALL + 1))
    assert [one["old"]["estimate_minutes"] for one in details] == [None, *range(1, ALL)]


def all_events(kyros: Kyros) -> list[Any]:
    found: list[Any] = []
    cursor = "0"
    while cursor is not None:
        page = kyros.get("/api/collab/events", event="task_changed", target=TASK, limit="500", cursor=cursor)
        found += page["items"]
        cursor = page["next_cursor"]
    return found
