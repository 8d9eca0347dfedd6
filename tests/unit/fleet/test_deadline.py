"""The time of a turn stands still while a person is awaited."""

import asyncio

import pytest

from kyros.fleet.service.deadline import Deadline

pytestmark = pytest.mark.anyio

LONG, SHORT = 0.4, 0.1


async def test_work_that_takes_too_long_is_cut_off() -> None:
    deadline = Deadline(0.01)
    with pytest.raises(TimeoutError):
        await deadline.limit(asyncio.Event().wait())
    assert deadline.is_up


async def test_a_time_out_of_the_works_own_is_not_the_deadlines() -> None:
    async def work() -> None:
        raise TimeoutError("its own")

    deadline = Deadline(60)
    with pytest.raises(TimeoutError, match="its own"):
        await deadline.limit(work())
    assert not deadline.is_up


async def test_what_is_waited_for_a_person_does_not_count() -> None:
    deadline = Deadline(SHORT)

    async def work() -> str:
        with deadline.paused():
            await asyncio.sleep(LONG)
            with deadline.paused():
                await asyncio.sleep(0)
            await asyncio.sleep(SHORT * 2)
        return "done"

    assert await deadline.limit(work()) == "done"


async def test_what_is_left_counts_on_after_the_pause() -> None:
    deadline = Deadline(SHORT)

    async def work() -> None:
        with deadline.paused():
            await asyncio.sleep(SHORT * 2)
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await deadline.limit(work())
