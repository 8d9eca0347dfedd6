"""The door to the log, over a real server: pages, live tails, resumption, and ending in time."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from kyros.events.fake import FakeEventLog
from kyros.events.model import EventFilter, NewEvent
from kyros.events.ports import EventLog
from kyros.events.store import SqlEventLog
from kyros.infra.db import SqliteDatabase
from tests.integration.events.doors import EVENTS, PATIENCE_SECONDS, TAIL, app_over, serving, tail


@pytest.fixture
def log(database: SqliteDatabase) -> EventLog:
    log = SqlEventLog(database)
    database.listener = lambda topics: log.wake()
    return log


@pytest.fixture
async def client(log: EventLog) -> AsyncIterator[httpx2.AsyncClient]:
    async with serving(app_over(log)) as client:
        yield client


def happened(
    event: str = "task_created", target: str = "T-100", actor: str = "ann", **details: object
) -> NewEvent:
    return NewEvent(event, actor, target, details)


async def test_events_come_in_pages_by_cursor(client: httpx2.AsyncClient, log: EventLog) -> None:
    await log.append(*(happened(n=n) for n in range(5)))
    first = (await client.get(EVENTS, params={"limit": 3})).json()
    assert [item["id"] for item in first["items"]] == [1, 2, 3]
    assert first["items"][0].keys() == {"id", "ts", "event", "actor", "target", "details"}
    second = (await client.get(EVENTS, params={"limit": 3, "cursor": first["next_cursor"]})).json()
    assert [item["id"] for item in second["items"]] == [4, 5]
    assert second["next_cursor"] is None


async def test_a_page_that_ends_exactly_at_the_end_has_no_next(
    client: httpx2.AsyncClient, log: EventLog
) -> None:
    await log.append(happened(), happened())
    assert (await client.get(EVENTS, params={"limit": 2})).json()["next_cursor"] is None


async def test_pages_are_filtered(client: httpx2.AsyncClient, log: EventLog) -> None:
    await log.append(
        happened(), happened("run_started", "run_1", "bob", task_id="T-100"), happened("other", "T-7")
    )
    ts = (await log.page(2, 1, EventFilter()))[0].ts
    for query, ids in (
        ({"actor": "bob"}, [2]),
        ({"target": "T-100"}, [1, 2]),
        ({"task": "T-100", "event": "task_created"}, [1]),
        ({"since": ts}, [1, 2, 3]),
        ({"since": "2199-01-01T00:00:00+01:00"}, []),
    ):
        assert [item["id"] for item in (await client.get(EVENTS, params=query)).json()["items"]] == ids, query


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=501",
        "cursor=-1",
        "cursor=abc",
        "since=yesterday",
        "since=2026-01-01T00:00:00",
        "actr=bob",
        "actor=",
    ],
)
async def test_a_query_that_cannot_be_meant_is_refused(client: httpx2.AsyncClient, query: str) -> None:
    response = await client.get(f"{EVENTS}?{query}")
    assert response.status_code == 422
    assert query.split("=")[0] in response.text


async def test_a_tail_brings_what_happens_from_now_on(client: httpx2.AsyncClient, log: EventLog) -> None:
    await log.append(happened("old"))
    async with tail(client) as take:
        assert await take(1) == [{"id": "1", "retry": "2000"}]
        await log.append(happened("new", n=1))
        (message,) = await take(1)
    assert message["id"] == "2"
    assert "event" not in message
    data = json.loads(message["data"])
    assert data == (await client.get(EVENTS, params={"cursor": "1"})).json()["items"][0]


async def test_a_tail_goes_on_after_the_last_id_without_gap_or_repeat(
    client: httpx2.AsyncClient, log: EventLog
) -> None:
    await log.append(*(happened(n=n) for n in range(10)))
    async with tail(client, "?after=0") as take:
        seen = [message["id"] for message in (await take(5))[1:]]
    async with tail(client, "?after=0", **{"Last-Event-ID": seen[-1]}) as take:
        await log.append(happened())
        seen += [message["id"] for message in (await take(8))[1:]]
    assert seen == [str(n) for n in range(1, 12)]


async def test_a_tail_since_a_time_begins_there(client: httpx2.AsyncClient, log: EventLog) -> None:
    await log.append(happened())
    async with tail(client, "?since=2020-01-01T00:00:00Z") as take:
        assert [message["id"] for message in await take(2)] == ["0", "1"]


@pytest.mark.parametrize("unknown", ["4", "99999999999999999999999999", "junk", "-1", "²"])
async def test_an_id_the_log_does_not_know_resets_the_reader(
    client: httpx2.AsyncClient, log: EventLog, unknown: str
) -> None:
    await log.append(happened(), happened(), happened())
    async with tail(client, **{"Last-Event-ID": unknown.encode()}) as take:  # type: ignore[arg-type]
        (reset,) = await take(1)
        assert reset == {"retry": "2000", "event": "reset", "id": "3", "data": '{"last_id":3}'}
        await log.append(happened())
        assert (await take(1))[0]["id"] == "4"


async def test_a_tail_is_filtered_at_its_source(client: httpx2.AsyncClient, log: EventLog) -> None:
    async with tail(client, "?target=run_1&event=step_done") as take:
        await take(1)
        await log.append(
            happened("step_done", "run_2"), happened("step_done", "run_1"), happened("x", "run_1")
        )
        assert [message["id"] for message in await take(1)] == ["2"]


async def test_a_wait_answers_with_what_is_there(client: httpx2.AsyncClient, log: EventLog) -> None:
    await log.append(*(happened() for _ in range(5)))
    page = (await client.get(TAIL, params={"after": 1, "wait": 20, "limit": 2})).json()
    assert ([item["id"] for item in page["items"]], page["next_cursor"]) == ([2, 3], "3")


async def test_a_wait_answers_as_soon_as_something_happens(client: httpx2.AsyncClient, log: EventLog) -> None:
    waiting = asyncio.create_task(client.get(TAIL, params={"wait": 19, "actor": "bob"}))
    await asyncio.sleep(0.1)
    await log.append(happened(), happened(actor="bob"))
    page = (await waiting).json()
    assert ([item["id"] for item in page["items"]], page["next_cursor"]) == ([2], "2")


async def test_a_wait_in_vain_says_where_to_go_on(client: httpx2.AsyncClient, log: EventLog) -> None:
    await log.append(happened())
    assert (await client.get(TAIL, params={"wait": 0.1})).json() == {"items": [], "next_cursor": "1"}
    assert (await client.get(TAIL, params={"wait": 0})).json() == {"items": [], "next_cursor": "1"}


SERVER = """
import asyncio, sys
import uvicorn
from kyros.entrypoints.server import Server
from kyros.events.fake import FakeEventLog
from tests.integration.events.doors import app_over

async def serve():
    log = FakeEventLog()
    app, port = app_over(log), int(sys.argv[1])
    config = uvicorn.Config(app, port=port, log_level="warning", ws="none", lifespan="off")
    await Server(config, log.hang_up).serve()

asyncio.run(serve())
"""


async def test_streams_and_waits_end_when_the_server_is_told_to(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-c", SERVER, str(port)])
    try:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=40) as client:
            await until_up(client)
            waiting = asyncio.create_task(client.get(TAIL, params={"wait": 30}))
            async with client.stream("GET", TAIL) as response:
                lines = response.aiter_lines()
                assert await anext(lines) == "retry: 2000"
                await asyncio.sleep(0.2)
                server.send_signal(signal.SIGTERM)
                async with asyncio.timeout(5):
                    async for _ in lines:
                        continue
                    assert (await waiting).json()["items"] == []
                    await asyncio.to_thread(server.wait)
    finally:
        server.kill()
        server.wait()


async def until_up(client: httpx2.AsyncClient) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                await client.get(EVENTS)
                return
            except httpx2.ConnectError:
                await asyncio.sleep(0.05)


def test_the_tail_and_the_page_show_the_same_model() -> None:
    paths = app_over(FakeEventLog()).openapi()["paths"]
    described = paths[TAIL]["get"]["responses"]["200"]["content"]
    assert described.keys() == {"application/json", "text/event-stream"}
    page = paths[EVENTS]["get"]["responses"]["200"]["content"]
    assert described["application/json"] == page["application/json"]
