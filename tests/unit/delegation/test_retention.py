"""What was kept for long enough goes, and nothing of a run that has not ended."""

from datetime import timedelta

import pytest

from kyros.fleet.fake import FakeShelf
from kyros.fleet.model.retention import Keeping, Kept
from kyros.fleet.service import Retention
from tests.unit.delegation.conftest import House


def kept(house: House, run_id: str, days: float, size_bytes: int = 10) -> None:
    house.shelf.kept[run_id] = Kept(run_id, size_bytes, house.clock.moment - timedelta(days=days))


async def swept(house: House, keeping: Keeping) -> list[str]:
    async def has_ended(run_id: str) -> tuple[bool, str | None]:
        return run_id != "run_going", "prj_1"

    retention = Retention(house.shelf, house.events, house.clock, keeping)
    assert await retention.sweep(has_ended) == len(house.shelf.gone)
    return list(house.shelf.gone)


@pytest.mark.parametrize(
    ("keeping", "gone"),
    [
        (Keeping(90, 0), ["run_old", "run_older"]),
        (Keeping(0, 0), []),
        (Keeping(0, 25), ["run_older", "run_old"]),
        (Keeping(200, 35), ["run_older"]),
        (Keeping(150, 25), ["run_older", "run_old"]),
        (Keeping(0, 1), ["run_older", "run_old", "run_new"]),
    ],
    ids=["age", "for ever", "size", "size of the rest", "both", "never what goes on"],
)
async def test_the_oldest_go_first_and_what_goes_on_never(
    house: House, keeping: Keeping, gone: list[str]
) -> None:
    for run_id, days in (("run_going", 300), ("run_older", 180), ("run_old", 100), ("run_new", 1)):
        kept(house, run_id, days)
    assert sorted(await swept(house, keeping)) == sorted(gone)
    assert list(house.shelf.gone) == sorted(gone, key=["run_older", "run_old", "run_new"].index)
    told = await house.told()
    assert told == ["recording_swept"] * len(gone)


async def test_what_could_not_go_is_not_told_of(house: House) -> None:
    class Stuck(FakeShelf):
        async def drop(self, run_id: str, at: str) -> None:
            raise OSError("read-only")

    house.shelf = Stuck()
    kept(house, "run_old", 100)
    with pytest.raises(OSError, match="read-only"):
        await swept(house, Keeping(90, 0))
    assert await house.told() == []


async def test_a_workers_sweep_keeps_what_a_run_still_writes(house: House) -> None:
    ended, going = await house.finished(), await house.delegate()
    for run in (ended, going):
        kept(house, run.id, 365)
    kept(house, "run_unknown", 365)
    await house.handlers["delegation.sweep"]({})
    assert set(house.shelf.gone) == {ended.id, "run_unknown"}
