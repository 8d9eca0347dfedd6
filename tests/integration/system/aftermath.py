"""What must hold of a home when everything has stopped: deeds, events, rows and files tell one story."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from kyros.collab.model import Kind, Revision
from kyros.collab.ports import View
from kyros.collab.store import SqlCollabStore
from kyros.entrypoints.home import Home
from kyros.events.model import EVERYTHING, Event
from kyros.events.store import SqlEventLog
from kyros.infra.db import Place, open_database
from kyros.kernel.etag import digest_of
from tests.integration.system.crowd import Deed


@dataclass(frozen=True)
class Story:
    """All events, and the rows as documents by name."""

    events: Sequence[Event]
    documents: dict[Kind, dict[str, dict[str, object]]]
    revisions: dict[Kind, Revision]
    fences: dict[str, int]


async def story_of(place: Place) -> Story:
    with closing(open_database(place)) as database:
        log = SqlEventLog(database)
        events: list[Event] = []
        while page := await log.page(events[-1].id if events else 0, 1_000, EVERYTHING):
            events += page

        def look(view: View) -> Any:
            documents = {
                Kind.TASKS: {one.id: one.document() for one in view.all_tasks()},
                Kind.LOCKS: {one.resource: one.document() for one in view.all_leases()},
                Kind.AGENTS: {one.name: one.document() for one in view.all_agents()},
            }
            return documents, {kind: view.revision(kind) for kind in Kind}

        documents, revisions = await SqlCollabStore(database, log).read(look)
        rows = "SELECT resource, last_token FROM lease_fences"
        fences = await database.read(lambda connection: dict(list(connection.exec_driver_sql(rows))))
    return Story(events, documents, revisions, fences)


def check_deeds(deeds: Iterable[Deed], events: Sequence[Event]) -> None:
    """What was acknowledged has its one event, what was refused none, the rest one or none."""
    marks = {
        "create": Counter(one.details["title"] for one in events if one.event == "task_created"),
        "patch": Counter(_new(one)["estimate_minutes"] for one in events if one.event == "task_changed"),
        "move": Counter(one.details["note"] for one in events if one.event == "task_moved"),
        "report": Counter(one.target for one in events if one.event == "note_taken"),
    }
    by_id = {one.id: one for one in events}
    taken = Counter(
        (one.target, one.actor, one.details["fencing_token"])
        for one in events
        if one.event == "lease_acquired"
    )
    for deed in deeds:
        if deed.kind in marks:
            allowed = [1] if deed.is_done else [0] if deed.is_refused else [0, 1]
            assert marks[deed.kind][deed.mark] in allowed, (deed, marks[deed.kind][deed.mark])
        if deed.kind == "report" and deed.is_done:
            assert by_id[deed.answer["id"]].target == deed.mark
        if deed.kind == "acquire" and deed.is_done:
            for lease in deed.answer["leases"]:
                assert taken[lease["resource"], lease["holder"], lease["fencing_token"]] == 1, deed


def check_tasks(story: Story) -> None:
    """Told again from their events alone, tasks are what their rows say."""
    told: dict[str, dict[str, Any]] = {}
    for event in story.events:
        details: Any = event.details
        if event.event == "task_created":
            assert event.target not in told
            told[event.target] = {
                "version": 1,
                "status": "queued",
                "title": details["title"],
                "estimate_minutes": None,
            }
        elif event.event in ("task_changed", "task_moved"):
            task = told[event.target]
            assert details["version"] == task["version"] + 1, event
            task["version"] += 1
            if event.event == "task_moved":
                assert details["old_status"] == task["status"], event
                task["status"] = details["new_status"]
            else:
                assert details["old"]["estimate_minutes"] == task["estimate_minutes"], event
                task.update(details["new"])
    rows = story.documents[Kind.TASKS]
    assert told.keys() == rows.keys()
    for task_id, task in told.items():
        assert {name: rows[task_id][name] for name in task} == task


def check_leases(story: Story) -> None:
    """Told again from their events, leases are what their rows say, and each name's tokens were 1, 2, 3 …"""
    held: dict[str, tuple[str, Any]] = {}
    tokens: dict[str, int] = defaultdict(int)
    for event in story.events:
        if event.event == "lease_acquired":
            assert event.target not in held, event
            fence = "path:app" if event.target.startswith("path:") else event.target
            tokens[fence] += 1
            assert event.details["fencing_token"] == tokens[fence], event
            held[event.target] = (event.actor, event.details["fencing_token"])
        elif event.event in ("lease_released", "lease_reclaimed"):
            holder = str(event.details.get("holder", event.actor))
            assert held.pop(event.target) == (holder, event.details["fencing_token"]), event
    rows = story.documents[Kind.LOCKS].items()
    assert held == {name: (row["holder"], row["fencing_token"]) for name, row in rows}
    assert story.fences == dict(tokens)


def check_collections(story: Story) -> None:
    """What is counted is what is there."""
    for kind, documents in story.documents.items():
        revision = story.revisions[kind]
        fold = sum(map(digest_of, documents.values())) % 2**64
        assert (revision.count, revision.fold) == (len(documents), fold), kind


def check_files(home: Home, story: Story) -> None:
    """Item by item as the rows, under the same etag, and none was ever taken for somebody's edit."""
    for kind in Kind:
        found = json.loads((home.state / f"{kind.value}.json").read_bytes())
        items = [{name: value for name, value in one.items() if name != "etag"} for one in found[kind.value]]
        assert items == list(story.documents[kind].values())
    assert not (home.state / "set-aside").exists()
    assert not [one for one in story.events if one.event == "state_file_refused"]
    assert sorted(path.name for path in home.state.iterdir() if path.is_file()) == [
        ".lock", "agents.json", "locks.json", "tasks.json",
    ]  # fmt: skip


def check_files_show(home: Home, deeds: Iterable[Deed]) -> None:
    """A change of a task is answered only once its file shows it: also in the moment after a kill."""
    found = json.loads((home.state / "tasks.json").read_bytes())["tasks"]
    versions = {one["id"]: one["version"] for one in found}
    for deed in deeds:
        if deed.is_done and deed.kind == "create":
            assert deed.answer["id"] in versions, deed
        elif deed.is_done and deed.kind in ("patch", "move"):
            version = int(deed.answer["etag"].strip('"').partition("-")[0])
            assert versions[deed.path.split("/")[4]] >= version, deed


def _new(event: Event) -> Any:
    return event.details["new"]
