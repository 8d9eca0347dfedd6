"""Tasks over HTTP: versions, merge patches, moves, answers kept for a key."""

from typing import Any

import httpx2
import pytest

from kyros.collab.ports import CollabStore
from kyros.events.store import SqlEventLog
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
    told,
    walk,
)
from tests.signed import clock, log, store
from tests.stand_ins import Clock

__all__ = ["client", "clock", "log", "store"]


async def test_a_task_is_made_with_address_and_etag(client: httpx2.AsyncClient) -> None:
    made = await client.post(
        TASKS,
        json={
            "title": "  Add a board ",
            "project_id": "app",
            "objective": "So that\nall see",
            "acceptance_criteria": ["It is there"],
            "checklist": [{"text": "Tests"}],
            "labels": ["ui"],
            "assignee": "ada",
            "estimate_minutes": 30,
            "budget": {"usd": 2.5},
            "priority": "high",
        },
    )
    assert (made.status_code, made.json()) == (201, {"id": "T-1"})
    found = await client.get(made.headers["Location"])
    task = found.json()
    assert found.headers["ETag"] == made.headers["ETag"] == task["etag"]
    assert (task["title"], task["status"], task["version"]) == ("Add a board", "queued", 1)
    assert task["checklist"] == [{"text": "Tests", "done": False}]
    assert task["budget"] == {"tokens": None, "usd": 2.5, "minutes": None}
    assert task["standing"] == {"column": "queued", "because": "", "blocked_by": [], "needs_you": False}


@on_sqlite_alone
@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"title": ""}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"title": "one\ntwo"}, "title"),
        ({"title": "turned \u202e round"}, "title"),
        ({"title": None}, "title"),
        ({"objective": "x" * 50_001}, "objective"),
        ({"constraints": 5}, "constraints"),
        ({"project_id": "../etc"}, "project_id"),
        ({"project_id": "App"}, "project_id"),
        ({"checklist": [{"text": "x", "who": "me"}]}, "checklist[0].who"),
        ({"checklist": [{"text": "x"}] * 101}, "checklist"),
        ({"depends_on": ["T-0"]}, "depends_on[0]"),
        ({"depends_on": ["T-1", "T-1"]}, "depends_on"),
        ({"labels": ["a", "a"]}, "labels"),
        ({"labels": [str(number) for number in range(21)]}, "labels"),
        ({"assignee": "a b"}, "assignee"),
        ({"estimate_minutes": 0}, "estimate_minutes"),
        ({"budget": {"tokens": -1}}, "budget.tokens"),
        ({"budget": {"usd": 0}}, "budget.usd"),
        ({"budget": {"usd": True}}, "budget.usd"),
        ({"budget": {"tokens": "5"}}, "budget.tokens"),
        ({"budget": {"tokens": 1.5}}, "budget.tokens"),
        ({"estimate_minutes": "30"}, "estimate_minutes"),
        ({"checklist": [{"text": "x", "done": "yes"}]}, "checklist[0].done"),
        ({"checklist": [{"text": "x", "done": 1}]}, "checklist[0].done"),
        ({"priority": "asap"}, "priority"),
        ({"status": "done"}, "status"),
        ({"colour": "red"}, "colour"),
        ({"id": "T-1/../T-2"}, "id"),
    ],
)
async def test_what_cannot_be_used_is_refused_by_name(
    client: httpx2.AsyncClient, fields: dict[str, Any], named: str
) -> None:
    refused = await client.post(TASKS, json={"title": "t", "project_id": "app", **fields})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")
    assert [fault["field"] for fault in refused.json()["errors"]] == [named]
    assert (await client.get(TASKS)).json()["items"] == []


async def test_only_an_admin_names_an_id_and_only_a_free_one(client: httpx2.AsyncClient) -> None:
    body = {"title": "t", "project_id": "app", "id": "T-100"}
    assert (await client.post(TASKS, json=body, headers={"As": "olga"})).status_code == 403
    assert (await client.post(TASKS, json=body)).json() == {"id": "T-100"}
    taken = await client.post(TASKS, json=body)
    assert (taken.status_code, taken.json()["code"]) == (409, "task_exists")


@on_sqlite_alone
@pytest.mark.parametrize("wrong", ["T-99", "T-0", "T-", "t-1", "T-1x", "..%2Fetc", "%2e%2e"])
async def test_an_unknown_id_is_not_there(client: httpx2.AsyncClient, wrong: str) -> None:
    await create(client)
    assert (await client.get(f"{TASKS}/{wrong}")).status_code == 404
    assert (await move(client, wrong, "claimed")).status_code == 404


async def test_a_known_etag_is_answered_304(client: httpx2.AsyncClient) -> None:
    task_id = await create(client)
    found = await client.get(f"{TASKS}/{task_id}")
    for header in (found.headers["ETag"], f"W/{found.headers['ETag']}", f'"a", {found.headers["ETag"]}', "*"):
        known = await client.get(f"{TASKS}/{task_id}", headers={"If-None-Match": header})
        assert (known.status_code, known.content, known.headers["ETag"]) == (304, b"", found.headers["ETag"])
    await patch(client, task_id, {"title": "x"})
    again = await client.get(f"{TASKS}/{task_id}", headers={"If-None-Match": found.headers["ETag"]})
    assert (again.status_code, again.json()["title"]) == (200, "x")


async def test_a_lease_that_ran_out_is_a_new_answer_for_an_old_etag(
    client: httpx2.AsyncClient, store: CollabStore, clock: Clock
) -> None:
    task_id = await create(client)
    await walk(client, task_id, "claimed")
    await hold(store, task_id, "ann", clock)
    held = await client.get(f"{TASKS}/{task_id}")
    assert held.json()["standing"]["column"] == "claimed"
    clock.advance(61)
    loose = await client.get(f"{TASKS}/{task_id}", headers={"If-None-Match": held.headers["ETag"]})
    assert (loose.status_code, loose.json()["standing"]["column"]) == (200, "queued")
    changed = await client.patch(
        f"{TASKS}/{task_id}", json={"title": "x"}, headers={"If-Match": held.headers["ETag"]}
    )
    assert changed.status_code == 200


async def test_a_merge_patch_keeps_replaces_and_empties(client: httpx2.AsyncClient) -> None:
    task_id = await create(
        client,
        objective="o",
        labels=["a", "b"],
        assignee="ada",
        priority="high",
        estimate_minutes=5,
        budget={"usd": 1, "tokens": 9},
        checklist=[{"text": "Tests"}],
    )
    before = await get(client, task_id)
    change = {"labels": ["c"], "assignee": None, "priority": None, "budget": {"usd": None, "minutes": 7}}
    done = await patch(client, task_id, change)
    after = await get(client, task_id)
    assert (done.status_code, done.json()) == (200, {"ok": True, "etag": after["etag"]})
    assert done.headers["ETag"] == after["etag"] != before["etag"]
    assert after == before | {
        "labels": ["c"],
        "assignee": None,
        "priority": "normal",
        "budget": {"tokens": 9, "usd": None, "minutes": 7},
        "version": 2,
        "updated_at": after["updated_at"],
        "etag": after["etag"],
    }
    emptied = dict.fromkeys(["objective", "checklist", "labels", "estimate_minutes", "budget"])
    assert (await patch(client, task_id, emptied)).status_code == 200
    last = await get(client, task_id)
    assert (last["objective"], last["checklist"], last["labels"]) == ("", [], [])
    assert (last["estimate_minutes"], last["budget"]) == (None, dict.fromkeys(["tokens", "usd", "minutes"]))


async def test_a_patch_may_come_as_plain_json(client: httpx2.AsyncClient) -> None:
    task_id = await create(client)
    done = await patch(client, task_id, {"title": "x"}, **{"Content-Type": "application/json"})
    assert done.status_code == 200


@on_sqlite_alone
@pytest.mark.parametrize(
    "name", ["id", "project_id", "status", "facts", "version", "created_at", "updated_at", "etag", "standing"]
)
async def test_what_only_kyros_sets_is_refused_by_name(client: httpx2.AsyncClient, name: str) -> None:
    task_id = await create(client)
    before = await get(client, task_id)
    refused = await patch(client, task_id, {"title": "x", name: before[name]})
    assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (
        422,
        "not_patchable",
        name,
    )
    assert await get(client, task_id) == before


@on_sqlite_alone
@pytest.mark.parametrize(
    "body", [{"title": None}, {"colour": 1}, {"labels": "a"}, [], "x", {"budget": {"a": 1}}]
)
async def test_a_patch_of_the_wrong_shape_is_refused(client: httpx2.AsyncClient, body: Any) -> None:
    task_id = await create(client)
    before = await get(client, task_id)
    assert (await patch(client, task_id, body)).status_code == 422
    assert await get(client, task_id) == before


async def test_a_patch_needs_an_etag_and_the_newest(client: httpx2.AsyncClient) -> None:
    task_id = await create(client)
    path = f"{TASKS}/{task_id}"
    missing = await client.patch(path, json={"title": "x"})
    assert (missing.status_code, missing.json()["code"]) == (428, "precondition_required")
    old = (await get(client, task_id))["etag"]
    new = (await patch(client, task_id, {"title": "x"})).json()["etag"]
    for header in (old, f"W/{new}"):
        stale = await client.patch(path, json={"title": "y"}, headers={"If-Match": header})
        assert (stale.status_code, stale.json()["code"]) == (412, "stale_etag")
        assert stale.json()["etag"] == stale.headers["ETag"] == new
    assert (await get(client, task_id))["title"] == "x"


async def test_a_patch_that_changes_nothing_keeps_the_etag_and_tells_nobody(
    client: httpx2.AsyncClient, log: SqlEventLog
) -> None:
    task_id = await create(client, labels=["a"])
    before = await get(client, task_id)
    for body in ({}, {"title": before["title"], "labels": ["a"], "assignee": None}):
        assert (await patch(client, task_id, body)).json() == {"ok": True, "etag": before["etag"]}
    assert [event.event for event in await told(log, task_id)] == ["task_created"]


async def test_the_etag_of_all_tasks_serves_too(client: httpx2.AsyncClient) -> None:
    task_id, other = await create(client), await create(client)
    for name in ("ann", "app"):
        whole = (await client.get(f"{STATE}/tasks", headers={"As": name})).json()["etag"]
        headers = {"If-Match": whole, "As": name}
        done = await client.patch(f"{TASKS}/{task_id}", json={"title": name}, headers=headers)
        assert done.status_code == 200
        stale = await client.patch(f"{TASKS}/{other}", json={"title": name}, headers=headers)
        assert stale.status_code == 412


async def test_a_move_says_where_from_and_where_to(client: httpx2.AsyncClient, log: SqlEventLog) -> None:
    task_id = await create(client)
    moved = await move(client, task_id, "claimed", "olga", note="mine")
    etag = (await get(client, task_id))["etag"]
    assert moved.json() == {"old_status": "queued", "new_status": "claimed", "etag": etag}
    assert moved.headers["ETag"] == etag
    event = (await told(log, task_id))[-1]
    assert (event.event, event.actor, event.details["note"]) == ("task_moved", "olga", "mine")


async def test_a_move_the_table_lacks_names_those_there_are(client: httpx2.AsyncClient) -> None:
    task_id = await create(client)
    refused = await move(client, task_id, "done")
    assert (refused.status_code, refused.json()["code"]) == (409, "move_refused")
    assert refused.json()["allowed"] == ["blocked", "cancelled", "claimed"]
    assert (await move(client, task_id, "paradise")).status_code == 422


async def test_a_move_keeps_to_an_etag_that_is_sent(client: httpx2.AsyncClient) -> None:
    task_id = await create(client)
    stale = await client.post(
        f"{TASKS}/{task_id}/transition", json={"to": "claimed"}, headers={"If-Match": '"0-0"'}
    )
    assert stale.status_code == 412
    assert (await get(client, task_id))["status"] == "queued"


async def test_dependencies_and_checklist_stand_in_the_way_by_name(client: httpx2.AsyncClient) -> None:
    one = await create(client, checklist=[{"text": "Tests"}])
    two = await create(client, depends_on=[one])
    waiting = await get(client, two)
    assert waiting["standing"]["column"] == "blocked"
    assert waiting["standing"]["blocked_by"] == [one]
    begun = await move(client, two, "claimed")
    assert (begun.status_code, begun.json()["code"]) == (409, "dependencies_unmet")
    assert begun.json()["blocked_by"] == [one]
    await walk(client, one, "claimed", "in_progress", "review")
    approved = await move(client, one, "approved")
    assert (approved.status_code, approved.json()["open"]) == (409, ["Tests"])
    cycle = await patch(client, one, {"depends_on": [two]})
    assert (cycle.status_code, cycle.json()["path"]) == (422, [one, two, one])
    await patch(client, one, {"checklist": [{"text": "Tests", "done": True}]})
    await walk(client, one, "approved", "merging", "done")
    assert (await get(client, two))["standing"]["column"] == "queued"
    assert (await move(client, two, "claimed")).status_code == 200


async def test_a_held_task_is_written_by_its_holder_with_the_right_token(
    client: httpx2.AsyncClient, store: CollabStore, clock: Clock
) -> None:
    task_id = await create(client)
    await hold(store, task_id, "bot", clock, token=3)
    refused = await patch(client, task_id, {"title": "x"})
    assert (refused.status_code, refused.json()["code"]) == (409, "lease_held")
    assert refused.json()["holder"] == "bot"
    assert (await move(client, task_id, "claimed")).json()["code"] == "lease_held"
    old = await patch(client, task_id, {"title": "x"}, **{"As": "bot", "Kyros-Fencing-Token": "2"})
    assert (old.status_code, old.json()["code"]) == (409, "fencing_token_stale")
    assert (await move(client, task_id, "claimed", "bot", fencing_token=2)).status_code == 409
    own = await patch(client, task_id, {"title": "x"}, **{"As": "bot", "Kyros-Fencing-Token": "3"})
    assert own.status_code == 200
    assert (await move(client, task_id, "claimed", "bot", fencing_token=3)).status_code == 200


async def test_the_same_key_makes_one_task_and_one_change(
    client: httpx2.AsyncClient, log: SqlEventLog
) -> None:
    body, key = {"title": "t", "project_id": "app"}, {"Idempotency-Key": "k1"}
    made = [await client.post(TASKS, json=body, headers=key) for _ in range(2)]
    assert [(one.status_code, one.json(), one.headers["Location"]) for one in made] == [
        (201, {"id": "T-1"}, f"{TASKS}/T-1")
    ] * 2
    assert made[0].headers["ETag"] == made[1].headers["ETag"]
    headers = {"If-Match": made[0].headers["ETag"], "Idempotency-Key": "k2"}
    patched = [await client.patch(f"{TASKS}/T-1", json={"title": "x"}, headers=headers) for _ in range(2)]
    assert patched[0].json() == patched[1].json()
    moved = [
        await client.post(
            f"{TASKS}/T-1/transition", json={"to": "claimed"}, headers={"Idempotency-Key": "k3"}
        )
        for _ in range(2)
    ]
    assert moved[0].json() == moved[1].json()
    assert [event.event for event in await told(log, "T-1")] == ["task_created", "task_changed", "task_moved"]
    other = await client.post(TASKS, json=body | {"title": "u"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
