"""What comes in through the doors to the log: reports, and the human log. And who may see what."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from kyros.entrypoints.problems import install
from kyros.events.model import EVERYTHING, NewEvent
from kyros.events.ports import EventLog
from kyros.events.store import SqlEventLog
from kyros.infra.db import Database
from tests.integration.events.doors import EVENTS, TAIL, Asking, Pages, app_over, serving, tail

HUMAN_LOG = f"{EVENTS}/human-log"
RESTRICTED = Asking("cat", frozenset({"p_1"}))


@pytest.fixture
def log(any_database: Database) -> EventLog:
    log = SqlEventLog(any_database)
    any_database.listener = lambda topics: log.wake()
    return log


@pytest.fixture
def pages() -> Pages:
    return Pages()


@pytest.fixture
async def client(log: EventLog, pages: Pages) -> AsyncIterator[httpx2.AsyncClient]:
    app = app_over(log, pages=pages)
    install(app)
    async with serving(app) as client:
        yield client


@pytest.fixture
async def restricted(log: EventLog) -> AsyncIterator[httpx2.AsyncClient]:
    app = app_over(log, RESTRICTED)
    install(app)
    async with serving(app) as client:
        yield client


def report(**change: object) -> dict[str, object]:
    return {"event": "build_finished", "target": "T-100", "details": {"took": 3}, **change}


async def test_a_report_is_appended_under_the_callers_name_and_marked(
    client: httpx2.AsyncClient, log: EventLog
) -> None:
    answer = await client.post(EVENTS, json=report(details={"reported": False, "task_id": "T-100"}))
    assert (answer.status_code, answer.json()) == (201, {"ok": True, "id": 1})
    (event,) = await log.page(0, 9, EVERYTHING)
    assert (event.event, event.actor, event.target) == ("build_finished", "ann", "T-100")
    assert event.details == {"reported": True, "task_id": "T-100"}


async def test_a_report_needs_no_details(client: httpx2.AsyncClient, log: EventLog) -> None:
    assert (await client.post(EVENTS, json={"event": "e", "target": "x"})).status_code == 201
    assert (await log.page(0, 9, EVERYTHING))[0].details == {"reported": True}


def nested(levels: int) -> Any:
    return {"a": nested(levels - 1)} if levels > 1 else {"a": 1}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"event": "Task"}, "invalid_request"),
        ({"event": "9a"}, "invalid_request"),
        ({"event": "a\n"}, "invalid_request"),
        ({"event": "a" * 64}, "invalid_request"),
        ({"target": ""}, "invalid_request"),
        ({"target": "a\u0000b"}, "invalid_request"),
        ({"target": "a\n"}, "invalid_request"),
        ({"target": "x" * 201}, "invalid_request"),
        ({"actor": "eve"}, "invalid_request"),
        ({"details": []}, "invalid_request"),
        ({"details": None}, "invalid_request"),
        ({"details": {"text": "x" * 17_000}}, "details_refused"),
        ({"details": nested(9)}, "details_refused"),
        ({"details": {"list": [[[[[[[[1]]]]]]]]}}, "details_refused"),
        ({"details": {"n": 2**64}}, "details_refused"),
        ({"details": {"project_id": 7}}, "details_refused"),
    ],
)
async def test_what_is_no_report_is_refused_and_nothing_appended(
    client: httpx2.AsyncClient, log: EventLog, change: dict[str, object], code: str
) -> None:
    answer = await client.post(EVENTS, json=report(**change))
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert await log.last_id() == 0


async def test_details_up_to_the_limits_are_taken(client: httpx2.AsyncClient) -> None:
    for details in (nested(8), {"text": "x" * 16_000}, {"n": 2**63, "f": 1.5, "none": None}):
        assert (await client.post(EVENTS, json=report(details=details))).status_code == 201


async def test_a_number_that_json_lacks_is_refused(client: httpx2.AsyncClient, log: EventLog) -> None:
    body = '{"event":"e","target":"x","details":{"n":NaN}}'
    answer = await client.post(EVENTS, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert await log.last_id() == 0


async def test_a_key_sent_again_appends_once_and_another_report_under_it_is_refused(
    client: httpx2.AsyncClient, log: EventLog
) -> None:
    key = {"Idempotency-Key": "k-1"}
    first = await client.post(EVENTS, json=report(), headers=key)
    again = await client.post(EVENTS, json=report(), headers=key)
    assert (
        (first.status_code, first.json()) == (again.status_code, again.json()) == (201, {"ok": True, "id": 1})
    )
    other = await client.post(EVENTS, json=report(target="T-9"), headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert await log.last_id() == 1


async def test_who_may_report_in_a_project_must_name_it(
    restricted: httpx2.AsyncClient, log: EventLog
) -> None:
    for details in ({}, {"project_id": "p_2"}, {"project_id": None}):
        assert (await restricted.post(EVENTS, json=report(details=details))).status_code == 403
    assert await log.last_id() == 0
    assert (await restricted.post(EVENTS, json=report(details={"project_id": "p_1"}))).status_code == 201


async def test_a_caller_of_single_projects_sees_only_their_events(
    restricted: httpx2.AsyncClient, log: EventLog
) -> None:
    def of(project_id: str | None) -> NewEvent:
        return NewEvent("task_moved", "ann", "T-1", {} if project_id is None else {"project_id": project_id})

    await log.append(of("p_1"), of("p_2"), of(None))
    assert [item["id"] for item in (await restricted.get(EVENTS)).json()["items"]] == [1]
    assert [
        item["id"] for item in (await restricted.get(EVENTS, params={"target": "p_2"})).json()["items"]
    ] == []
    async with tail(restricted, "?after=0") as take:
        assert [message["id"] for message in await take(2)] == ["0", "1"]
        await log.append(of("p_2"), of("p_1"))
        assert (await take(1))[0]["id"] == "5"
    page = (await restricted.get(TAIL, params={"after": 1, "wait": 5})).json()
    assert [item["id"] for item in page["items"]] == [5]


async def test_the_human_log_tells_of_the_numbers_asked_for_and_is_kept(
    client: httpx2.AsyncClient, log: EventLog, pages: Pages
) -> None:
    await log.append(
        NewEvent("task_created", "ann", "T-100", {"title": "Make # it [work](http://x)"}),
        NewEvent("run_created", "ann", "run_1", {"run_id": "run_1", "task_id": "T-100", "agent": "codex"}),
        NewEvent("task_moved", "ann", "T-7", {"old_status": "queued", "new_status": "claimed", "note": ""}),
    )
    answer = (await client.post(HUMAN_LOG, json={"ids": [2, 1]})).json()
    assert (answer["events"], answer["path"]) == (2, "collaboration/logs/log.md")
    assert "### T-100: Make \\# it \\[work\\](http\\://x)" in answer["markdown"]
    assert "handed the task to `codex`: run `run_1`." in answer["markdown"]
    assert "T-7" not in answer["markdown"]
    assert pages.entries == [answer["markdown"]]


async def test_the_human_log_tells_of_what_a_filter_lets_through(
    client: httpx2.AsyncClient, log: EventLog, pages: Pages
) -> None:
    await log.append(*(NewEvent("e", "ann" if n % 2 else "bob", "T-1", {}) for n in range(1, 1301)))
    answer = (await client.post(HUMAN_LOG, json={"filter": {"actor": "ann", "after": 100}})).json()
    assert answer["events"] == 500
    assert "events 101 to 1099" in answer["markdown"]
    nothing = (await client.post(HUMAN_LOG, json={"filter": {"actor": "nobody"}})).json()
    assert (nothing["events"], nothing["markdown"]) == (0, "")
    assert len(pages.entries) == 1


@pytest.mark.parametrize(
    "body",
    [{}, {"ids": [1], "filter": {}}, {"ids": []}, {"ids": [0]}, {"ids": [1] * 501}, {"filter": {"more": 1}}],
)
async def test_a_human_log_of_what_cannot_be_meant_is_refused(
    client: httpx2.AsyncClient, pages: Pages, body: dict[str, object]
) -> None:
    assert (await client.post(HUMAN_LOG, json=body)).status_code == 422
    assert pages.entries == []


async def test_a_caller_of_single_projects_gets_the_human_log_of_one(
    restricted: httpx2.AsyncClient, log: EventLog
) -> None:
    await log.append(
        NewEvent("e", "ann", "T-1", {"project_id": "p_1"}), NewEvent("e", "ann", "T-2", {"project_id": "p_2"})
    )
    assert (await restricted.post(HUMAN_LOG, json={"ids": [1, 2]})).status_code == 403
    assert (await restricted.post(HUMAN_LOG, json={"ids": [1], "project_id": "p_2"})).status_code == 403
    answer = (await restricted.post(HUMAN_LOG, json={"ids": [1, 2], "project_id": "p_1"})).json()
    assert answer["events"] == 1


async def test_numbers_from_before_what_the_log_holds_reset_a_stream(
    client: httpx2.AsyncClient, log: EventLog
) -> None:
    await log.append(*(NewEvent("e", "ann", "T-1", {}) for _ in range(20)))
    await log.forget(10, 99)
    for query in ("?after=9", "?after=0", "?since=2020-01-01T00:00:00Z"):
        async with tail(client, query) as take:
            assert await take(1) == [
                {"retry": "2000", "event": "reset", "id": "20", "data": '{"last_id":20}'}
            ]
    async with tail(client, "?after=10") as take:
        assert [message["id"] for message in await take(2)] == ["10", "11"]


async def test_a_stream_that_a_client_leaves_is_over_at_once(
    client: httpx2.AsyncClient, log: EventLog
) -> None:
    assert isinstance(log, SqlEventLog)
    async with tail(client) as take:
        await take(1)
        assert len(log._live._followers) == 1
    async with asyncio.timeout(10):
        while log._live._followers:
            await asyncio.sleep(0.01)


async def test_a_wait_that_a_client_leaves_is_over_at_once(client: httpx2.AsyncClient, log: EventLog) -> None:
    assert isinstance(log, SqlEventLog)
    waiting = asyncio.create_task(client.get(TAIL, params={"wait": 50}))
    async with asyncio.timeout(10):
        while not log._live._followers:
            await asyncio.sleep(0.01)
        waiting.cancel()
        while log._live._followers:
            await asyncio.sleep(0.01)
