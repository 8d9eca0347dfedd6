"""What every Drift promises, in memory and in the database."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from kyros.drivers.model import ResultKind, Tier
from kyros.fleet.fake import FakeDrift, FakeTurns
from kyros.fleet.model import CUT_OFF, Finding, Turn
from kyros.fleet.ports import Drift, Turns
from kyros.fleet.store import SqlDrift, SqlTurns
from tests.stand_ins import Outbox

NOW, LATER = "2026-11-20T12:00:00.000000Z", "2026-11-20T12:05:00.000000Z"
STRAY = Finding("branch_without_run", "p/feature/x", "look", "p")
GONE = Finding("worktree_missing", "run_1", "gone")
TURN = Turn("turn_1", "run_1", "claude", Tier.ACP, "delegation", NOW, project_id="p", task_id="T-1")


@pytest.fixture(params=["fake", "database", "postgres"])
def rooms(request: pytest.FixtureRequest, outbox: Outbox) -> tuple[Drift, Turns]:
    if request.param == "fake":
        turns = FakeTurns(outbox)
        return FakeDrift(outbox, turns), turns
    database = request.getfixturevalue(request.param)
    return SqlDrift(database, outbox), SqlTurns(database, outbox)


@pytest.fixture
def told(outbox: Outbox) -> Callable[[str], list[object]]:
    return lambda name: [one.details for one in outbox.events if one.event == name]


async def test_a_finding_is_told_once_and_known_for_as_long_as_it_is_so(
    rooms: tuple[Drift, Turns], told: Callable[[str], list[object]]
) -> None:
    drift, _ = rooms
    await drift.settle([STRAY], NOW)
    await drift.settle([GONE, STRAY], LATER)
    assert await drift.all() == [replace(STRAY, found_at=NOW), replace(GONE, found_at=LATER)]
    await drift.settle([GONE], LATER)
    assert await drift.all() == [replace(GONE, found_at=LATER)]
    facts = [{"kind": one.kind, "subject": one.subject, "note": one.note} for one in (STRAY, GONE)]
    assert told("drift_found") == [{**facts[0], "project_id": "p"}, {**facts[1], "project_id": None}]


async def test_a_turn_without_end_is_closed_once_and_its_project_hears_of_it(
    rooms: tuple[Drift, Turns], told: Callable[[str], list[object]]
) -> None:
    drift, turns = rooms
    await turns.begin(TURN)
    assert list(await drift.open_turns()) == [("turn_1", "run_1")]
    for _ in range(2):
        await drift.close_turn("turn_1", LATER)
    await drift.close_turn("turn_9", LATER)
    assert list(await drift.open_turns()) == []
    (closed,) = await turns.of_run("run_1")
    assert (closed.result_kind, closed.note, closed.ended_at) == (ResultKind.LOST, CUT_OFF, LATER)
    assert told("turn_ended") == [{**TURN.facts(), "result": ResultKind.LOST, "note": CUT_OFF}]


async def test_a_turn_that_a_crash_left_open_is_told_when_the_next_begins(
    rooms: tuple[Drift, Turns], told: Callable[[str], list[object]]
) -> None:
    drift, turns = rooms
    await turns.begin(TURN)
    await turns.begin(replace(TURN, id="turn_2", started_at=LATER))
    assert list(await drift.open_turns()) == [("turn_2", "run_1")]
    assert told("turn_ended") == [{**TURN.facts(), "result": ResultKind.LOST, "note": CUT_OFF}]
