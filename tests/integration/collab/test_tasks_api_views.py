"""What is seen of tasks over HTTP, and by whom: pages, rights, projects, the whole state."""

from typing import Any

import httpx2
import pytest
from sqlalchemy import Connection

from kyros.collab.model import NewTask
from kyros.collab.ports import CollabStore
from kyros.collab.service.tasks import Tasks
from kyros.events.model import EventFilter
from kyros.events.store import SqlEventLog
from kyros.infra.db import Database
from tests.integration.collab.task_door import (
    STATE,
    TASKS,
    client,
    create,
    get,
    hold,
    move,
    on_sqlite_alone,
    patch,
    walk,
)
from tests.signed import clock, log, store
from tests.stand_ins import Clock

__all__ = ["client", "clock", "log", "store"]


async def test_pages_are_filtered_searched_and_go_on(client: httpx2.AsyncClient) -> None:
    for number in range(5):
        await create(client, title=f"Number {number}", labels=["odd"] if number % 2 else [])
    await create(client, project_id="docs", assignee="ada", title="Write the manual")
    await move(client, "T-1", "claimed")

    async def ids(**query: Any) -> list[str]:
        page = (await client.get(TASKS, params=query)).json()
        return [item["id"] for item in page["items"]]

    assert await ids(label="odd") == ["T-4", "T-2"]
    assert await ids(project="docs") == await ids(assignee="ada") == await ids(q="manu WRITE") == ["T-6"]
    assert await ids(status="claimed") == ["T-1"]
    assert await ids(label="even") == await ids(q='manual" OR 1') == []
    seen, cursor = list[str](), dict[str, str]()
    while True:
        page = (await client.get(TASKS, params={"limit": 4, **cursor})).json()
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == [f"T-{number}" for number in range(6, 0, -1)]


@on_sqlite_alone
@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "status=x", "colour=red", "cursor=x", "project=.."]
)
async def test_a_page_that_cannot_be_meant_is_refused(client: httpx2.AsyncClient, query: str) -> None:
    assert (await client.get(f"{TASKS}?{query}")).status_code == 422


async def test_who_may_only_look_writes_nothing(client: httpx2.AsyncClient) -> None:
    task_id = await create(client)
    before = await get(client, task_id)
    for name in ("vic", "rita"):
        made = await client.post(TASKS, json={"title": "t", "project_id": "app"}, headers={"As": name})
        assert (made.status_code, made.json()["code"]) == (403, "not_allowed")
        assert (await patch(client, task_id, {"title": "x"}, As=name)).status_code == 403
        assert (await move(client, task_id, "claimed", name)).status_code == 403
    assert await get(client, task_id) == before


async def test_approval_is_a_reviewers(client: httpx2.AsyncClient) -> None:
    task_id = await create(client)
    await walk(client, task_id, "claimed", "in_progress", "review")
    assert (await move(client, task_id, "approved", "bot")).status_code == 403
    assert (await move(client, task_id, "approved", "rita")).status_code == 200
    assert (await move(client, task_id, "merging", "bot")).status_code == 200


async def test_projects_that_are_not_theirs_are_not_there(client: httpx2.AsyncClient) -> None:
    own, foreign = await create(client), await create(client, project_id="secret")
    as_app = {"As": "app"}
    listed = (await client.get(TASKS, headers=as_app)).json()["items"]
    assert [item["id"] for item in listed] == [own]
    assert (await client.get(f"{TASKS}/{foreign}", headers=as_app)).status_code == 404
    assert (await patch(client, foreign, {"title": "x"}, **as_app)).status_code == 404
    assert (await move(client, foreign, "claimed", "app")).status_code == 404
    assert (
        await client.post(TASKS, json={"title": "t", "project_id": "docs"}, headers=as_app)
    ).status_code == 403
    peeked = await client.post(
        TASKS, json={"title": "t", "project_id": "app", "depends_on": [foreign]}, headers=as_app
    )
    assert (peeked.status_code, peeked.json()["code"]) == (422, "dependency_not_found")
    assert (await move(client, own, "claimed", "app")).status_code == 200


async def test_state_is_a_mapping_under_one_etag(
    client: httpx2.AsyncClient, store: CollabStore, clock: Clock
) -> None:
    own, foreign = await create(client), await create(client, project_id="secret")
    await hold(store, own, "bot", clock)
    state = await client.get(f"{STATE}/tasks")
    assert state.headers["ETag"] == state.json()["etag"]
    assert state.json()["data"].keys() == {own, foreign}
    document = state.json()["data"][own]
    shown = await get(client, own)
    assert document == {name: value for name, value in shown.items() if name not in ("etag", "standing")}
    known = await client.get(f"{STATE}/tasks", headers={"If-None-Match": state.json()["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    await patch(client, own, {"title": "x"}, As="bot")
    again = await client.get(f"{STATE}/tasks", headers={"If-None-Match": state.json()["etag"]})
    assert (again.status_code, again.json()["data"][own]["title"]) == (200, "x")
    locks = (await client.get(f"{STATE}/locks")).json()["data"]
    assert locks[f"task:{own}"]["holder"] == "bot"
    assert (await client.get(f"{STATE}/agents")).json()["data"] == {}
    assert (await client.get(f"{STATE}/secrets")).status_code == 422


async def test_state_shows_only_what_concerns_the_callers_projects(
    client: httpx2.AsyncClient, store: CollabStore, clock: Clock
) -> None:
    own, foreign = await create(client), await create(client, project_id="secret")
    for task_id in (own, foreign):
        await hold(store, task_id, "bot", clock)
    as_app = {"As": "app"}
    tasks = await client.get(f"{STATE}/tasks", headers=as_app)
    locks = await client.get(f"{STATE}/locks", headers=as_app)
    assert (tasks.json()["data"].keys(), locks.json()["data"].keys()) == ({own}, {f"task:{own}"})
    whole = (await client.get(f"{STATE}/tasks")).json()["etag"]
    assert tasks.json()["etag"] != whole
    known = await client.get(f"{STATE}/tasks", headers=as_app | {"If-None-Match": tasks.json()["etag"]})
    assert known.status_code == 304
    assert (await client.get(f"{STATE}/tasks", headers=as_app | {"If-None-Match": whole})).status_code == 200


async def test_what_is_written_in_another_rooms_transaction_falls_with_it(
    client: httpx2.AsyncClient, store: CollabStore, any_database: Database, log: SqlEventLog
) -> None:
    task_id, tasks = await create(client), Tasks(store)
    before = await get(client, task_id)

    def work(connection: Connection, end: Exception | None) -> None:
        tasks.create_in(connection, NewTask("app", "Made beside a run", "", "", ()), "ada")
        tasks.note_facts_in(connection, task_id, {"run_id": "run_1"})
        if end is not None:
            raise end

    with pytest.raises(OSError, match="the rest failed"):
        await any_database.write(lambda connection: work(connection, OSError("the rest failed")))
    assert await get(client, task_id) == before
    assert [event.target for event in await log.page(0, 9, EventFilter())] == [task_id]
    await any_database.write(lambda connection: work(connection, None))
    assert (await get(client, task_id))["facts"] == {"run_id": "run_1"}
    titles = [item["title"] for item in (await client.get(TASKS)).json()["items"]]
    assert titles == ["Made beside a run", "Add a board"]
