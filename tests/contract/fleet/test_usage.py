"""What every ledger promises."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from kyros.drivers.model import Tier, Usage
from kyros.fleet.fake import FakeLedger, FakeTurns
from kyros.fleet.model import Spent, Turn
from kyros.fleet.model.budget import Scope
from kyros.fleet.model.usage import By, UsageQuery
from kyros.fleet.ports import Ledger, Turns
from kyros.fleet.store import SqlLedger, SqlTurns
from tests.stand_ins import Outbox

DAY = "2026-11-20"
BIG = 2**40


def turn(number: int, **values: Any) -> Turn:
    known = {
        "run_id": f"run_{number}",
        "agent": "codex",
        "started_at": f"{DAY}T12:00:0{number}.000000Z",
        "duration_ms": 1_000,
        "usage": Usage("m-1", 10, 5, 100, 1, 0.5, {"edit": 2}),
        "project_id": "p_1",
        "task_id": "T-1",
    } | values
    first = Turn(f"turn_{number}", "", "", Tier.HEADLESS, "delegation", "")
    return replace(first, **known)


TURNS = [
    turn(1),
    turn(2, run_id="run_1", usage=Usage("m-2", BIG, 0, tool_calls={}), duration_ms=None),
    turn(3, agent="claude", project_id="p_2", task_id="T-2", usage=Usage(tool_calls={"x": 1})),
    turn(4, agent="claude", project_id=None, task_id=None, usage=Usage(cost_usd=0.25), tier=Tier.TERMINAL),
    turn(5, started_at="2026-11-21T00:00:00.000000Z", usage=Usage("m-1", 1, 1)),
]


@pytest.fixture(params=["fake", "database", "postgres"])
async def ledger(request: pytest.FixtureRequest) -> Ledger:
    outbox, fake = Outbox(), request.param == "fake"
    database = None if fake else request.getfixturevalue(request.param)
    turns: Turns = FakeTurns(outbox) if fake else SqlTurns(database, outbox)
    for one in TURNS:
        await turns.begin(replace(one, usage=Usage()))
        await turns.end(replace(one, ended_at=one.started_at))
    return FakeLedger(turns) if isinstance(turns, FakeTurns) else SqlLedger(database)


async def summed(ledger: Ledger, *by: By, **query: Any) -> Sequence[tuple[Any, ...]]:
    rows = await ledger.roll_up(UsageQuery(by, **query))
    return [
        (*row.keys, row.turns, row.runs, row.input_tokens, row.cost_usd, row.unmeasured_turns) for row in rows
    ]


async def test_sums_are_of_what_was_measured(ledger: Ledger) -> None:
    assert await summed(ledger, By.AGENT) == [
        ("claude", 2, 2, None, 0.25, 1),
        ("codex", 3, 2, BIG + 11, 0.5, 0),
    ]
    (row,) = await ledger.roll_up(UsageQuery((By.TASK,), task="T-1"))
    assert (row.output_tokens, row.cache_read_tokens, row.cache_creation_tokens) == (6, 100, 1)
    assert (row.duration_ms, row.tool_calls) == (2_000, 2)


@pytest.mark.parametrize(
    ("by", "keys"),
    [
        (By.PROFILE, ["claude", "codex"]),
        (By.PROJECT, [None, "p_1", "p_2"]),
        (By.TASK, [None, "T-1", "T-2"]),
        (By.RUN, ["run_1", "run_3", "run_4", "run_5"]),
        (By.MODEL, [None, "m-1", "m-2"]),
        (By.TIER, ["headless", "terminal"]),
        (By.DAY, [DAY, "2026-11-21"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_each_key_has_its_row_in_order(ledger: Ledger, by: By, keys: list[str | None]) -> None:
    rows = await ledger.roll_up(UsageQuery((by,)))
    assert [row.keys for row in rows] == [(key,) for key in keys]


async def test_two_keys_and_pages_of_them(ledger: Ledger) -> None:
    every = await summed(ledger, By.DAY, By.AGENT)
    assert [row[:3] for row in every] == [(DAY, "claude", 2), (DAY, "codex", 2), ("2026-11-21", "codex", 1)]
    assert await summed(ledger, By.DAY, By.AGENT, limit=1, offset=1) == every[1:2]


async def test_only_the_named_projects_are_summed(ledger: Ledger) -> None:
    assert [row[:2] for row in await summed(ledger, By.AGENT, projects=frozenset({"p_2"}))] == [("claude", 1)]
    assert await summed(ledger, By.AGENT, projects=frozenset()) == []


async def test_times_and_agents_narrow_it_down(ledger: Ledger) -> None:
    since = f"{DAY}T12:00:03.000000Z"
    assert [row[:2] for row in await summed(ledger, By.AGENT, since=since)] == [("claude", 2), ("codex", 1)]
    assert [row[:2] for row in await summed(ledger, By.AGENT, until=since)] == [("codex", 2)]
    assert [row[:2] for row in await summed(ledger, By.DAY, agent="claude")] == [(DAY, 2)]


@pytest.mark.parametrize(
    ("scope", "key", "spent"),
    [
        (Scope.RUN, "run_1", Spent(BIG + 16, 0.5, 1 / 60, 0)),
        (Scope.TASK, "T-1", Spent(BIG + 18, 0.5, 2 / 60, 0)),
        (Scope.AGENT, "codex", Spent(BIG + 16, 0.5, 1 / 60, 0)),
        (Scope.PROJECT, "p_2", Spent(0, 0, 1 / 60, 1)),
        (Scope.DAY, "*", Spent(BIG + 16, 0.75, 3 / 60, 1)),
        (Scope.RUN, "run_9", Spent()),
    ],
    ids=["run", "task", "agent", "project", "day", "nothing"],
)
async def test_what_a_scope_has_spent(ledger: Ledger, scope: Scope, key: str, spent: Spent) -> None:
    found = await ledger.spent(scope, key, DAY)
    assert found.minutes == pytest.approx(spent.minutes)
    assert replace(found, minutes=0) == replace(spent, minutes=0)


async def test_one_turn_may_be_left_out(ledger: Ledger) -> None:
    assert (await ledger.spent(Scope.RUN, "run_1", DAY, without="turn_2")).tokens == 16
