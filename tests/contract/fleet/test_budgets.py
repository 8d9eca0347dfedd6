"""What every store of budgets promises."""

from typing import Any

import pytest

from kyros.collab.model import Budget
from kyros.drivers.model import Tier
from kyros.fleet.fake import FakeBudgets
from kyros.fleet.model import Cap, Turn
from kyros.fleet.model.budget import Scope
from kyros.fleet.ports import Budgets
from kyros.fleet.store import SqlBudgets
from tests.stand_ins import Clock, Outbox

TURN = Turn("turn_1", "run_1", "codex", Tier.ACP, "delegation", "a", project_id="p_1", task_id="T-1")
CAP = Cap(Scope.DAY, "*", "day/*", Budget(tokens=5), "2026-11-20")


@pytest.fixture(params=["fake", "database", "postgres"])
def budgets(request: pytest.FixtureRequest, outbox: Outbox) -> Budgets:
    if request.param == "fake":
        return FakeBudgets(outbox)
    return SqlBudgets(request.getfixturevalue(request.param), outbox, Clock())


async def test_a_budget_is_set_replaced_whole_and_taken_away(budgets: Budgets, outbox: Any) -> None:
    await budgets.set(Scope.PROJECT, "p_1", Budget(tokens=2**40), "ada")
    await budgets.set(Scope.AGENT, "codex", Budget(usd=1.5, minutes=0.5), "ada")
    await budgets.set(Scope.PROJECT, "p_1", Budget(minutes=9), "bob")
    assert await budgets.all() == {
        (Scope.AGENT, "codex"): Budget(usd=1.5, minutes=0.5),
        (Scope.PROJECT, "p_1"): Budget(minutes=9),
    }
    await budgets.set(Scope.AGENT, "codex", Budget(), "bob")
    assert list(await budgets.all()) == [(Scope.PROJECT, "p_1")]
    told = [(event.event, event.actor, event.target) for event in outbox.events]
    assert told[1:] == [
        ("budget_set", "ada", "agent/codex"),
        ("budget_set", "bob", "project/p_1"),
        ("budget_set", "bob", "agent/codex"),
    ]
    assert outbox.events[0].details == {
        "scope": "project", "key": "p_1", "project_id": "p_1", "tokens": 2**40, "usd": None, "minutes": None,
    }  # fmt: skip
    assert "project_id" not in outbox.events[1].details


async def test_what_is_reached_is_told_once_for_its_period_and_its_limits(
    budgets: Budgets, outbox: Any
) -> None:
    other_day = Cap(CAP.scope, CAP.key, CAP.name, CAP.limits, "2026-11-21")
    raised = Cap(CAP.scope, CAP.key, CAP.name, Budget(tokens=6), CAP.period)
    told = [await budgets.note_reached(cap, TURN, "It is.") for cap in (CAP, CAP, other_day, raised, raised)]
    assert told == [True, False, True, True, False]
    assert outbox.names() == ["budget_reached"] * 3
    event = outbox.events[0]
    assert (event.actor, event.target) == ("kyros", "run_1")
    assert event.details == TURN.facts() | {
        "budget": "day/*", "tokens": 5, "usd": None, "minutes": None, "note": "It is.",
    }  # fmt: skip


async def test_without_its_event_nothing_is_written(budgets: Budgets, outbox: Any) -> None:
    outbox.broken = True
    for write in (budgets.set(Scope.DAY, "*", Budget(usd=1.0), "ada"), budgets.note_reached(CAP, TURN, "x")):
        with pytest.raises(OSError, match="no room"):
            await write
    outbox.broken = False
    assert await budgets.all() == {}
    assert await budgets.note_reached(CAP, TURN, "x")
