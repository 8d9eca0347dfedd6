"""What every store of paused profiles promises."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kyros.drivers.model import Tier
from kyros.fleet.fake import FakePauses
from kyros.fleet.model import Turn
from kyros.fleet.model.pause import Pause
from kyros.fleet.ports import Pauses
from kyros.fleet.store import SqlPauses
from tests.stand_ins import Outbox

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TURN = Turn("turn_1", "run_1", "codex", Tier.ACP, "delegation", "a", project_id="p_1", task_id="T-1")
PAUSE = Pause("codex", NOON + timedelta(hours=2), "try again in 2 hours", NOON)


@pytest.fixture(params=["fake", "database", "postgres"])
def pauses(request: pytest.FixtureRequest, outbox: Outbox) -> Pauses:
    if request.param == "fake":
        return FakePauses(outbox)
    return SqlPauses(request.getfixturevalue(request.param), outbox)


def later(hours: float, **values: Any) -> Pause:
    since = NOON + timedelta(hours=hours)
    return replace(PAUSE, since=since, until=since + timedelta(hours=2), **values)


async def test_a_notice_read_twice_prolongs_nothing(pauses: Pauses, outbox: Any) -> None:
    assert await pauses.pause(PAUSE, TURN)
    assert not await pauses.pause(later(1), TURN)
    assert await pauses.all() == {"codex": PAUSE}
    assert outbox.names() == ["profile_paused"]
    assert outbox.events[0].details == TURN.facts() | {
        "profile": "codex", "until": "2026-11-20T14:00:00.000000Z", "notice": "try again in 2 hours",
    }  # fmt: skip


async def test_another_notice_replaces_it_and_so_does_the_same_once_it_is_over(pauses: Pauses) -> None:
    await pauses.pause(PAUSE, TURN)
    other = later(1, notice="try again at 3pm")
    assert await pauses.pause(other, TURN)
    assert await pauses.all() == {"codex": other}
    assert await pauses.pause(later(9, notice="try again at 3pm"), TURN)
    assert (await pauses.all())["codex"].until == NOON + timedelta(hours=11)


async def test_a_pause_is_taken_away_once(pauses: Pauses, outbox: Any) -> None:
    await pauses.pause(PAUSE, TURN)
    await pauses.pause(replace(PAUSE, profile="claude"), TURN)
    assert [await pauses.resume("codex", "ada") for _ in range(2)] == [True, False]
    assert list(await pauses.all()) == ["claude"]
    resumed = outbox.events[-1]
    assert (resumed.event, resumed.actor, resumed.target) == ("profile_resumed", "ada", "codex")
    assert len(outbox.events) == 3


async def test_without_its_event_nothing_is_written(pauses: Pauses, outbox: Any) -> None:
    await pauses.pause(PAUSE, TURN)
    outbox.broken = True
    for write in (pauses.pause(later(1, notice="x"), TURN), pauses.resume("codex", "ada")):
        with pytest.raises(OSError, match="no room"):
            await write
    assert await pauses.all() == {"codex": PAUSE}
