"""A turn is stopped when a budget is used up, its own use and that of others counted."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kyros.collab.model import Budget
from kyros.drivers.model import Outcome, ResultKind, Tier, Usage
from kyros.fleet.errors import BudgetReached
from kyros.fleet.fake import FakeBudgets, FakeLedger, FakeTurns
from kyros.fleet.model import Turn, TurnOrder
from kyros.fleet.model.budget import Scope
from kyros.fleet.service import Meter
from kyros.kernel.clock import to_text
from tests.stand_ins import Clock, Outbox

DONE = Outcome(ResultKind.OK, "vendor_result")


class Site:
    def __init__(self) -> None:
        self.outbox = Outbox()
        self.turns, self.budgets = FakeTurns(self.outbox), FakeBudgets(self.outbox)
        self.meter = Meter(
            turns=self.turns,
            ledger=FakeLedger(self.turns),
            budgets=self.budgets,
            clock=lambda: datetime.now(UTC),
            beat_seconds=0.05,
        )
        self.order = TurnOrder("run_1", "codex", "Do it.", Path("/w"), 60, "delegation", "p_1", "T-1")

    def turn(self, id_: str = "turn_1", **values: object) -> Turn:
        now = to_text(datetime.now(UTC))
        turn = Turn(id_, "run_1", "codex", Tier.HEADLESS, "delegation", now, project_id="p_1", task_id="T-1")
        return replace(turn, **values)  # type: ignore[arg-type]

    async def before(self, tokens: int, **values: object) -> None:
        """A turn that ended before."""
        turn = self.turn("turn_0", usage=Usage(input_tokens=tokens), **values)
        await self.turns.begin(turn)
        await self.turns.end(replace(turn, ended_at=turn.started_at))

    def told(self) -> list[str]:
        return [str(event.details["note"]) for event in self.outbox.events if event.event == "budget_reached"]


@pytest.fixture
def site() -> Site:
    return Site()


async def forever() -> Outcome:
    await asyncio.Event().wait()
    return DONE


async def test_a_turn_within_its_budgets_ends_by_itself(site: Site) -> None:
    await site.budgets.set(Scope.TURN, "*", Budget(tokens=100, usd=1.0, minutes=5), "ada")
    watch = await site.meter.begin(site.order, site.turn())

    async def work() -> Outcome:
        watch.spent(Usage(input_tokens=60, output_tokens=39, cost_usd=0.99))
        await asyncio.sleep(0)
        return DONE

    assert await watch.keep(work()) == DONE
    assert site.told() == []


@pytest.mark.parametrize(
    ("limits", "usage", "said"),
    [
        (Budget(tokens=100), Usage(input_tokens=61, output_tokens=39), "100 of 100 tokens"),
        (Budget(usd=0.5), Usage(cost_usd=0.75), "$0.75 of $0.50"),
        (Budget(minutes=0.001), Usage(), "of 0.001 minutes"),
    ],
    ids=["tokens", "usd", "minutes"],
)
async def test_a_turn_that_uses_up_its_budget_is_stopped(
    site: Site, limits: Budget, usage: Usage, said: str
) -> None:
    await site.budgets.set(Scope.TURN, "*", limits, "ada")
    watch = await site.meter.begin(site.order, site.turn())
    stopped = False

    async def work() -> Outcome:
        nonlocal stopped
        watch.spent(usage)
        try:
            return await forever()
        finally:
            stopped = True

    outcome = await watch.keep(work())
    assert (outcome.result, outcome.evidence, outcome.usage) == (ResultKind.BLOCKED, "budget", usage)
    assert said in outcome.note
    assert stopped
    assert site.told() == [outcome.note]


async def test_what_is_used_up_already_keeps_a_turn_from_beginning_and_is_told_once(site: Site) -> None:
    await site.before(100)
    await site.budgets.set(Scope.AGENT, "codex", Budget(tokens=100), "ada")
    for number in range(3):
        with pytest.raises(BudgetReached, match="agent/codex is used up: 100 of 100 tokens today"):
            await site.meter.begin(site.order, site.turn(f"turn_{number + 1}"))
    assert len(site.told()) == 1
    await site.budgets.set(Scope.AGENT, "codex", Budget(tokens=99), "ada")
    with pytest.raises(BudgetReached):
        await site.meter.begin(site.order, site.turn("turn_9"))
    assert len(site.told()) == 2


async def test_what_others_use_meanwhile_counts(site: Site) -> None:
    await site.budgets.set(Scope.DAY, "*", Budget(tokens=100), "ada")
    watch = await site.meter.begin(site.order, site.turn())
    watch.spent(Usage(input_tokens=60))
    going = asyncio.create_task(watch.keep(forever()))
    await asyncio.sleep(0.02)
    assert not going.done()
    other = site.turn("turn_2", run_id="run_2", agent="claude", usage=Usage(output_tokens=40))
    await site.turns.begin(other)
    async with asyncio.timeout(5):
        assert (await going).result is ResultKind.BLOCKED


async def test_a_budget_of_yesterday_is_fresh_today_and_one_of_the_task_is_not(site: Site) -> None:
    await site.before(100, started_at="2020-01-01T00:00:00.000000Z")
    await site.budgets.set(Scope.PROJECT, "p_1", Budget(tokens=100), "ada")
    await site.meter.begin(site.order, site.turn())
    with pytest.raises(BudgetReached, match="task/T-1"):
        await site.meter.begin(replace(site.order, task_budget=Budget(tokens=100)), site.turn())


async def test_minutes_stand_still_while_a_person_is_awaited(site: Site) -> None:
    now = Clock()
    site.meter.clock = now
    await site.budgets.set(Scope.TURN, "*", Budget(minutes=1), "ada")
    turn = replace(site.turn(), started_at=to_text(now()))
    watch = await site.meter.begin(site.order, turn)
    with watch.paused():
        now.advance(50)
        with watch.paused():
            now.advance(50)
        assert await watch.look() is None
    now.advance(59)
    assert (watch.duration_ms, await watch.look()) == (59_000, None)
    now.advance(1)
    assert "1.0 of 1 minutes" in str(await watch.look())


async def test_what_is_allowed_by_now_counts_not_what_was_when_the_turn_began(site: Site) -> None:
    limits = [(Budget(tokens=100), Budget())]

    async def own_limits(_: TurnOrder) -> tuple[Budget, Budget]:
        return limits[-1]

    site.meter.own_limits = own_limits
    watch = await site.meter.begin(site.order, site.turn())
    limits.append((Budget(tokens=200), Budget()))
    watch.spent(Usage(input_tokens=150))
    assert await watch.look() is None
    limits.append((Budget(tokens=200), Budget(tokens=150)))
    assert "task/T-1 is used up" in str(await watch.look())


async def test_figures_are_noted_while_the_turn_works(site: Site) -> None:
    turn = site.turn()
    watch = await site.meter.begin(site.order, turn)
    await site.turns.begin(turn)
    watch.spent(Usage(input_tokens=7))
    going = asyncio.create_task(watch.keep(forever()))
    async with asyncio.timeout(5):
        while (await site.turns.of_run("run_1"))[0].usage.input_tokens != 7:
            await asyncio.sleep(0.01)
    assert ((await site.turns.of_run("run_1"))[0].duration_ms or 0) > 0
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
