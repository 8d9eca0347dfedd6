"""The text of a state file: readable, stable under diff, read again so strictly that no edit is missed."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyros.collab.errors import StateFileRefused
from kyros.collab.model import (
    Agent,
    AgentStatus,
    Budget,
    ChecklistItem,
    Kind,
    Lease,
    Revision,
    Task,
    TaskStatus,
)
from kyros.collab.store.files.sheet import fragment, read_sheet, sheet

AT = "2026-11-20T12:00:00.000000Z"


def task(number: int, title: str = "Wash the car", version: int = 1) -> Task:
    return Task(
        id=f"T-{number}",
        project_id="house",
        title=title,
        objective="So that it shines.\nInside too.",
        constraints="",
        acceptance_criteria=("It shines",),
        status=TaskStatus.QUEUED,
        version=version,
        created_at=AT,
        updated_at=AT,
        checklist=(ChecklistItem("water"), ChecklistItem("soap", done=True)),
        budget=Budget(usd=1.5),
        facts={"run_id": "run_1"},
    )


def agent(name: str = "bob") -> Agent:
    return Agent(name, "agent", ("rust",), None, (), AgentStatus.IDLE, True, None, AT, AT, 1)


def of_tasks(*tasks: Task, number: int = 7) -> bytes:
    revision = Revision(number, sum(one.digest for one in tasks) % 2**64, len(tasks))
    return sheet(Kind.TASKS, revision, [fragment(Kind.TASKS, one.document()) for one in tasks])


def of_locks(*leases: Lease) -> bytes:
    revision = Revision(2, sum(one.digest for one in leases) % 2**64, len(leases))
    return sheet(Kind.LOCKS, revision, [fragment(Kind.LOCKS, one.document()) for one in leases])


def of_agents(*agents: Agent) -> bytes:
    revision = Revision(2, sum(one.digest for one in agents) % 2**64, len(agents))
    return sheet(Kind.AGENTS, revision, [fragment(Kind.AGENTS, one.document()) for one in agents])


LEASE = Lease("lock_1", "task:T-1", "bob", 3, AT, AT, AT, 15.0)


def test_it_is_readable_json_with_each_item_at_its_place() -> None:
    raw = of_tasks(task(1), task(2))
    value = json.loads(raw)
    assert list(value) == ["revision", "etag", "tasks"]
    assert value["revision"] == 7
    assert [one["id"] for one in value["tasks"]] == ["T-1", "T-2"]
    assert raw.decode().splitlines()[:6] == [
        "{",
        '  "revision": 7,',
        f'  "etag": "{value["etag"]}",',
        '  "tasks": [',
        "    {",
        '      "id": "T-1",',
    ]
    assert raw.endswith(b"\n  ]\n}\n")


def test_an_empty_collection_is_a_file_too() -> None:
    assert json.loads(of_tasks())["tasks"] == []
    assert read_sheet(Kind.TASKS, of_tasks()).is_ours


def test_only_lines_of_what_changed_differ() -> None:
    tasks = [task(number) for number in range(1, 30)]
    before = of_tasks(*tasks).decode().splitlines()
    tasks[9] = replace(tasks[9], title="Wash the bicycle", version=2)
    after = of_tasks(*tasks, number=8).decode().splitlines()
    changed = [old.split(":")[0].strip() for old, new in zip(before, after, strict=True) if old != new]
    assert changed == ['"revision"', '"etag"', '"title"', '"version"', '"etag"']


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        (Kind.TASKS, of_tasks(task(1), task(2))),
        (Kind.LOCKS, of_locks(LEASE)),
        (Kind.AGENTS, of_agents(agent())),
    ],
)
def test_what_we_wrote_is_known_as_ours_however_it_is_laid_out(kind: Kind, raw: bytes) -> None:
    assert read_sheet(kind, raw).is_ours
    assert read_sheet(kind, json.dumps(json.loads(raw), sort_keys=True).encode()).is_ours
    assert read_sheet(kind, raw.replace(b"\n", b"\r\n")).is_ours


@given(
    text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), minutes=st.floats(0.1)
)
def test_any_text_and_number_comes_back_as_it_was(text: str, minutes: float) -> None:
    if minutes == float("inf"):
        return
    odd = replace(task(1), title=text, labels=(text,), facts={text: text}, estimate_minutes=minutes)
    assert read_sheet(Kind.TASKS, of_tasks(odd)).is_ours


def test_a_changed_item_is_found_and_the_others_are_not() -> None:
    raw = of_tasks(task(1, "Wash"), task(2), task(3)).replace(b'"Wash"', b'"Dry"')
    edit = read_sheet(Kind.TASKS, raw)
    assert [item.fields["title"] for item in edit.changed] == ["Dry"]
    assert edit.complete
    assert edit.names == {"T-1", "T-2", "T-3"}
    assert f'"{edit.changed[0].tag}"' == task(1, "Wash").etag


def test_a_removed_item_is_noticed_even_when_another_was_edited() -> None:
    value = json.loads(of_tasks(task(1, "Wash"), task(2), task(3)))
    value["tasks"][0]["title"] = "Dry"
    del value["tasks"][1]
    assert not read_sheet(Kind.TASKS, json.dumps(value).encode()).complete
    assert not read_sheet(Kind.LOCKS, of_locks(LEASE)[:-5].split(b"[")[0] + b"[]}").is_ours


def test_a_new_item_takes_nothing_from_the_sum() -> None:
    value = json.loads(of_tasks(task(1)))
    value["tasks"].append({"title": "More", "project_id": "house"})
    copied = {**value["tasks"][0], "title": "A copy"}
    del copied["id"]
    value["tasks"].append(copied)
    edit = read_sheet(Kind.TASKS, json.dumps(value).encode())
    assert edit.complete
    assert [item.fields["title"] for item in edit.changed] == ["More", "A copy"]


def test_of_an_agent_only_its_settings_count() -> None:
    raw = of_agents(agent(), agent("zoe"))
    seen = raw.replace(b'"last_seen": null', b'"last_seen": "2026-11-20T12:00:00.000000Z"')
    assert seen != raw
    assert read_sheet(Kind.AGENTS, seen).is_ours
    skilled = raw.replace(b'"rust"', b'"rust", "go"', 1)
    assert [item.fields["name"] for item in read_sheet(Kind.AGENTS, skilled).changed] == ["bob"]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff{}", "not UTF-8, at byte 0"),
        (b"[]", "exactly revision, etag and tasks"),
        (b'{"revision":1,"etag":"1-0000000000000000"}', "exactly revision, etag and tasks"),
        (b'{"revision":1,"etag":"1-0000000000000000","tasks":[],"more":1}', "exactly revision"),
        (b'{"revision":1,"revision":2,"etag":"x","tasks":[]}', "'revision' twice"),
        (b'{"revision":"1","etag":"1-0000000000000000","tasks":[]}', "Kyros' own"),
        (b'{"revision":1,"etag":"x","tasks":[]}', "Kyros' own"),
        (b'{"revision":1,"etag":"1-0000000000000000","tasks":{}}', "must be a list"),
        (b'{"revision":1,"etag":"1-0000000000000000","tasks":[7]}', "item 1 of tasks is not an object"),
        (b'{"revision":1,"etag":"1-0000000000000000","tasks":[{"id":7}]}', "needs 'id'"),
        (
            b'{"revision":1,"etag":"1-0000000000000000","tasks":[{"id":"T-1"},{"id":"T-1"}]}',
            "T-1 is there twice",
        ),
        (b'{"revision":1,"etag":"1-0000000000000000","tasks":[{"id":"T-1","etag":"?"}]}', "etag of T-1"),
        (b'{"revision":1,"etag":"1-0000000000000000","tasks":[{"a":NaN}]}', "NaN"),
        (b'{"revision":1,"etag":"1-0000000000000000","tasks":[{"a":1e999}]}', "too large"),
        (b'{"revision":1,"etag":"1-0000000000000000","tasks":[{"a":18446744073709551616}]}', "too large"),
        (b'{"revision":1,"etag":"1-0000000000000000","tasks":[{"a":"\\u0000"}]}', "NUL"),
        (b'{"revision":1,"etag":"1-0000000000000000","tasks":[{"a":["\\ud800"]}]}', "half a character"),
        (b'{"revision":1,"etag":"1-0000000000000000","tasks":[{"a":' + b"[" * 100_000, "nested too deeply"),
        (b"<<<<<<< HEAD\n" + of_tasks(task(1)), "not JSON"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_reason(raw: bytes, said: str) -> None:
    with pytest.raises(StateFileRefused, match=said):
        read_sheet(Kind.TASKS, raw)
