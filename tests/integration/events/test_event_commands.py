"""`kyros event …` as a process of its own against a real server."""

import asyncio
import json
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvicorn

from kyros.events.model import EVERYTHING, NewEvent
from kyros.events.store import SqlEventLog
from kyros.infra.db import SqliteDatabase
from tests.integration.events.doors import app_over

PATIENCE_SECONDS = 30


@pytest.fixture
def log(database: SqliteDatabase) -> SqlEventLog:
    log = SqlEventLog(database)
    database.listener = lambda topics: log.wake()
    return log


@asynccontextmanager
async def serving(log: SqlEventLog, port: int = 0) -> AsyncIterator[int]:
    listening = socket.create_server(("127.0.0.1", port))
    config = uvicorn.Config(app_over(log), log_level="error", ws="none", lifespan="off")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield listening.getsockname()[1]
    finally:
        log.hang_up()
        server.should_exit = True
        await task
        listening.close()


async def kyros(home: Path, port: int, *words: str) -> Process:
    environment = os.environ | {
        "KYROS_URL": f"http://127.0.0.1:{port}",
        "KYROS_TOKEN": "x",
        "KYROS_HOME": str(home),
    }
    command = [sys.executable, "-m", "kyros", "event", *words]
    return await asyncio.create_subprocess_exec(*command, env=environment, stdout=PIPE, stderr=PIPE)


async def done(home: Path, port: int, *words: str) -> tuple[int | None, str, str]:
    process = await kyros(home, port, *words)
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)
    return process.returncode, out.decode(), err.decode()


async def take(process: Process, count: int) -> list[int]:
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_SECONDS):
        return [json.loads(await process.stdout.readline())["id"] for _ in range(count)]


async def append(log: SqlEventLog, count: int) -> None:
    await log.append(*(NewEvent("e", "ann", "T-1", {}) for _ in range(count)))


async def test_a_tail_goes_on_over_a_restart_without_gap_or_repeat_and_ends_at_ctrl_c(
    database: SqliteDatabase, log: SqlEventLog, tmp_path: Path
) -> None:
    await append(log, 3)
    async with serving(log) as port:
        process = await kyros(tmp_path, port, "tail", "--json", "--since", "2020-01-01T00:00:00Z")
        assert await take(process, 3) == [1, 2, 3]
        await append(log, 2)
        assert await take(process, 2) == [4, 5]
    await append(log, 4)
    again = SqlEventLog(database)
    database.listener = lambda topics: again.wake()
    async with serving(again, port):
        await append(again, 1)
        assert await take(process, 5) == [6, 7, 8, 9, 10]
        process.send_signal(signal.SIGINT)
        _, err = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)
    assert process.returncode == 130
    assert "waiting for it" in err.decode()
    assert "Traceback" not in err.decode()


async def test_events_are_posted_listed_shown_and_told(log: SqlEventLog, tmp_path: Path) -> None:
    async with serving(log) as port:
        code, out, _ = await done(
            tmp_path, port, "post", "build_done", "T-7", "-d", '{"took": 3}', "-p", "p_1", "--json"
        )
        assert (code, json.loads(out)) == (0, {"ok": True, "id": 1})
        await log.append(NewEvent("sneaky", "ann", "T-8", {"title": "\x1b[2Jgone\x9b31m\u202e"}))
        code, out, _ = await done(tmp_path, port, "list")
        assert code == 0
        assert "build_done T-7 by ann" in out
        assert "\x1b[2J" not in out
        assert "\x9b" not in out
        code, out, _ = await done(tmp_path, port, "list", "--target", "T-7", "--json")
        assert [item["id"] for item in json.loads(out)] == [1]
        code, out, _ = await done(tmp_path, port, "show", "1", "--json")
        assert json.loads(out)["details"] == {"took": 3, "project_id": "p_1", "reported": True}
        code, out, _ = await done(tmp_path, port, "log", "--task", "T-7")
        assert "reported `build_done` on `T-7`" in out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("show", "99"), 3),
        (("post", "Bad Name", "T-1"), 4),
        (("post", "e", "T-1", "-d", "[]"), 2),
        (("post", "e", "T-1", "-d", "{"), 2),
        (("log", "1", "--actor", "ann"), 2),
    ],
)
async def test_what_cannot_be_done_says_so_in_one_sentence(
    log: SqlEventLog, tmp_path: Path, words: tuple[str, ...], code: int
) -> None:
    async with serving(log) as port:
        found, out, err = await done(tmp_path, port, *words)
    assert (found, out) == (code, "")
    assert err.startswith("kyros: ")
    assert await log.page(0, 9, EVERYTHING) == []


async def test_an_audit_names_the_first_bad_line(tmp_path: Path, log: SqlEventLog) -> None:
    from kyros.events.adapters import JsonlFile

    await append(log, 5)
    file = JsonlFile(tmp_path / "collaboration" / "events", size_bytes=2**20, chained=True)
    await file.open()
    await file.append(await log.page(0, 9, EVERYTHING))
    await file.close()
    code, out, err = await done(tmp_path, 1, "verify")
    assert (code, err) == (0, "")
    assert "Events 1 to 5 are as they were written" in out
    path = tmp_path / "collaboration" / "events" / "events.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"ann"', b'"eve"', 3))
    code, out, err = await done(tmp_path, 1, "verify", "--json")
    assert code == 1
    assert err == "kyros: events.jsonl, line 1 (event 1): the log says something else.\n"
    assert json.loads(out)["fault"]["line"] == 1
