"""Homes that fail under a running Kyros: full, read-only, wanted by two; and a clock that is set back."""

import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from kyros.auth.model import Principal, Role
from kyros.collab.api.leases import leases_router
from kyros.collab.api.tasks import tasks_router
from kyros.collab.ports import CollabStore
from kyros.collab.service.leases import Leases
from kyros.entrypoints.problems import install
from kyros.events.model import EventFilter
from kyros.events.store import SqlEventLog
from kyros.infra.db import SqliteDatabase
from tests.integration.system.house import Kyros
from tests.integration.system.test_main_job import kyros_command
from tests.signed import Signed, clock, log, store
from tests.stand_ins import Clock

__all__ = ["clock", "log", "store"]

TASKS = "/api/collab/tasks"
ACQUIRE = "/api/collab/leases/acquire"


@pytest.fixture
def small_home(tmp_path: Path) -> Iterator[Kyros]:
    """On a file system of 8 MB."""
    kyros = Kyros(tmp_path / "home")
    kyros.home.mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m,mode=0700", "tmpfs", str(kyros.home)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("SKIPPED LOUDLY: mounting a small file system needs root")
    try:
        yield kyros
    finally:
        if kyros.process is not None and kyros.process.poll() is None:
            kyros.stop()
        kyros.close()
        subprocess.run(["umount", "-l", str(kyros.home)], check=True)


def fill(file: Path) -> None:
    """Write until not a byte more fits."""
    with suppress(OSError), file.open("wb", buffering=0) as filler:
        for size in (65536, 512, 1):
            with suppress(OSError):
                while filler.write(b"x" * size):
                    continue


def writes(kyros: Kyros, task_id: str, etag: str) -> list[Callable[[], httpx2.Response]]:
    """One write of each kind, each with a body that needs room."""
    long = "x" * 40_000
    return [
        lambda: kyros.post(TASKS, {"title": "One more", "objective": long}),
        lambda: kyros.http.patch(f"{TASKS}/{task_id}", json={"objective": long}, headers={"If-Match": etag}),
        lambda: kyros.post(f"{TASKS}/{task_id}/transition", {"to": "claimed", "note": "x" * 2_000}),
        lambda: kyros.post("/api/collab/agents", {"name": "bob", "skills": ["x" * 50]}),
        lambda: kyros.post(ACQUIRE, {"resources": [f"r{number}" for number in range(30)], "ttl_seconds": 60}),
    ]


def seen(kyros: Kyros) -> dict[str, Any]:
    """All three collections but for the worker's own lease, which beats, and the log but for refusals."""
    state = {kind: kyros.get(f"/api/collab/state/{kind}")["data"] for kind in ("tasks", "locks", "agents")}
    state["locks"] = {name: one for name, one in state["locks"].items() if not name.startswith("pool:")}
    log = kyros.get("/api/collab/events", limit="500")["items"]
    return state | {"log": [event for event in log if event["event"] != "access_refused"]}


def test_a_full_disk_refuses_every_write_whole_and_lets_them_in_again(small_home: Kyros) -> None:
    kyros = small_home
    kyros.start()
    made = kyros.post(TASKS, {"title": "Add a board"})
    assert made.status_code == 201, made.text
    task_id, etag = made.json()["id"], made.headers["etag"]
    fill(kyros.home / "filler")
    before = seen(kyros)
    for write in writes(kyros, task_id, etag):
        refused = write()
        assert (refused.status_code, refused.json()["code"]) == (507, "disk_full"), refused.text
        assert "free some space" in refused.json()["detail"]
    assert seen(kyros) == before
    (kyros.home / "filler").unlink()
    for write in writes(kyros, task_id, etag):
        assert write().status_code in (200, 201)
    after = seen(kyros)
    assert after["log"][: len(before["log"])] == before["log"]
    assert len(after["tasks"]) == len(before["tasks"]) + 1
    assert set(after["agents"]) == {"bob"}
    assert len(after["locks"]) == 30


def test_state_files_that_become_read_only_hold_up_nobody_and_are_caught_up(small_home: Kyros) -> None:
    """The rows are the truth: a write is kept without them, /readyz says so, and they follow."""
    kyros = small_home
    kyros.start()
    folder = kyros.home / "collaboration" / "state"
    kyros.post(TASKS, {"title": "Add a board"})
    for how in ("bind", "remount,ro,bind"):
        subprocess.run(["mount", "-o", how, str(folder), str(folder)], check=True)
    try:
        made = kyros.post(TASKS, {"title": "One more"})
        assert made.status_code == 201, made.text
        assert kyros.get(f"{TASKS}/{made.json()['id']}")["title"] == "One more"
        ready = kyros.http.get("/readyz")
        assert (ready.status_code, ready.json()["checks"]["state"]["ok"]) == (503, False)
        assert "One more" not in (folder / "tasks.json").read_text()
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
    kyros.post(TASKS, {"title": "And another"})
    kyros.wait(lambda: "One more" in (folder / "tasks.json").read_text(), 30)
    assert kyros.http.get("/readyz").json()["checks"]["state"]["ok"] is True


def test_a_home_that_is_read_only_from_the_start_is_refused(small_home: Kyros) -> None:
    kyros = small_home
    kyros.start()
    kyros.post(TASKS, {"title": "Add a board"})
    kyros.stop()
    subprocess.run(["mount", "-o", "remount,ro", str(kyros.home)], check=True)
    said = kyros_command(kyros, "up", "--port", "0")
    assert said.returncode == 4
    assert "cannot be written" in said.stderr
    assert len(said.stderr.strip().splitlines()) == 1, said.stderr


def test_the_second_server_on_a_home_is_refused_and_the_first_goes_on(small_home: Kyros) -> None:
    kyros = small_home
    kyros.start()
    kyros.post(TASKS, {"title": "Add a board"})
    before = seen(kyros)
    said = kyros_command(kyros, "up", "--port", "0")
    assert said.returncode == 1
    assert "already runs" in said.stderr
    assert seen(kyros) == before
    assert kyros.post(TASKS, {"title": "One more"}).status_code == 201


@pytest.fixture
def any_database(database: SqliteDatabase) -> SqliteDatabase:
    return database


@pytest.fixture
async def client(store: CollabStore) -> AsyncIterator[httpx2.AsyncClient]:
    app = FastAPI()
    app.include_router(tasks_router(store))
    app.include_router(leases_router(Leases(store)))
    install(app)
    people = {name: Principal(name, Role.OPERATOR) for name in ("ann", "ben")}
    transport = httpx2.ASGITransport(app=Signed(app, people))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def test_a_clock_set_back_neither_loses_nor_lends_nor_reorders(
    client: httpx2.AsyncClient, log: SqlEventLog, clock: Clock
) -> None:
    made = await client.post(TASKS, json={"title": "Add a board"})
    task = f"{TASKS}/{made.json()['id']}"
    lease = {"resource": "deploy", "ttl_seconds": 60}
    first = (await client.post(ACQUIRE, json=lease)).json()["leases"][0]["fencing_token"]
    clock.advance(-86_400)
    held = await client.post(ACQUIRE, json=lease, headers={"As": "ben"})
    assert (held.status_code, held.json()["holder"]) == (409, "ann")
    changed = await client.patch(task, json={"title": "Later"}, headers={"If-Match": made.headers["etag"]})
    assert changed.status_code == 200
    stale = await client.patch(task, json={"title": "Last"}, headers={"If-Match": made.headers["etag"]})
    assert stale.status_code == 412
    clock.advance(86_400 + 61)
    taken = await client.post(ACQUIRE, json=lease, headers={"As": "ben"})
    assert taken.json()["leases"][0]["fencing_token"] > first
    events = await log.page(0, 100, EventFilter())
    assert [event.id for event in events] == sorted(event.id for event in events)
    assert [event.event for event in events] == [
        "task_created", "lease_acquired", "task_changed", "lease_reclaimed", "lease_acquired",
    ]  # fmt: skip
