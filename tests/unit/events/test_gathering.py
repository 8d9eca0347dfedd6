"""Appends of one moment share a write, and its fate."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from kyros.events.model import NewEvent
from kyros.events.store.gathering import Gathering
from kyros.events.store.rows import row_of
from kyros.infra.db import DatabaseFailed, SqliteDatabase

NOW = datetime(2026, 11, 20, tzinfo=UTC)
ROW = row_of(NewEvent("e", "ann", "T-1"))


class Counted:
    """A database that counts its writes and fails while `broken`."""

    def __init__(self, database: SqliteDatabase) -> None:
        self.database, self.writes, self.broken = database, 0, False

    async def write(self, work: Callable[[Any], Any]) -> Any:
        self.writes += 1
        if self.broken:
            raise DatabaseFailed("no")
        return await self.database.write(work)


@pytest.fixture
def counted(database: SqliteDatabase) -> Counted:
    return Counted(database)


@pytest.fixture
def gathering(counted: Counted) -> Gathering:
    return Gathering(counted, lambda: NOW)  # type: ignore[arg-type]


async def test_what_comes_at_one_moment_shares_a_write_and_each_gets_its_own_numbers(
    gathering: Gathering, counted: Counted
) -> None:
    given = await asyncio.gather(*(gathering.put([ROW] * size) for size in (1, 3, 2)))
    assert given == [[1], [2, 3, 4], [5, 6]]
    assert counted.writes == 1
    assert await gathering.put([ROW]) == [7]


async def test_a_write_that_fails_fails_for_all_of_them_and_for_no_other(
    gathering: Gathering, counted: Counted
) -> None:
    counted.broken = True
    for outcome in await asyncio.gather(*(gathering.put([ROW]) for _ in range(3)), return_exceptions=True):
        assert isinstance(outcome, DatabaseFailed)
    counted.broken = False
    assert await gathering.put([ROW]) == [1]


async def test_a_caller_that_is_cancelled_harms_nobody(gathering: Gathering) -> None:
    gone, stays = (asyncio.create_task(gathering.put([ROW])) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    assert await stays == [2]
    with pytest.raises(asyncio.CancelledError):
        await gone
