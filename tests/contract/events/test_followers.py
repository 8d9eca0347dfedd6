"""What every follower of a log promises, asked of the fake's and of the table's on each database."""

import asyncio
import re

import orjson
import pytest

from kyros.events.fake import FakeEventLog
from kyros.events.model import EVERYTHING, EventFilter, NewEvent
from kyros.events.ports import EventLog, Follower
from kyros.events.store import SqlEventLog
from kyros.infra.db import Database

PATIENCE_SECONDS = 20
MESSAGE = re.compile(rb"id: (\d+)\ndata: (.*)\n\n")


@pytest.fixture(params=["fake", "database", "postgres"])
def log(request: pytest.FixtureRequest) -> EventLog:
    if request.param == "fake":
        return FakeEventLog()
    database: Database = request.getfixturevalue(request.param)
    log = SqlEventLog(database)
    database.listener = lambda topics: log.wake()
    return log


def happened(actor: str = "ann", **details: object) -> NewEvent:
    return NewEvent("task_created", actor, "T-100", details)


async def read(follower: Follower) -> bytes | None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await follower.read()


async def take(follower: Follower, count: int) -> list[int]:
    """The numbers of the next so many events; each message must say what its event says."""
    numbers: list[int] = []
    while len(numbers) < count:
        messages = await read(follower)
        assert messages is not None
        found = MESSAGE.findall(messages)
        assert b"".join(b"id: %b\ndata: %b\n\n" % one for one in found) == messages
        numbers += [int(number) for number, data in found if orjson.loads(data)["id"] == int(number)]
    assert len(numbers) == count
    return numbers


async def test_a_follower_gets_what_was_and_what_comes(log: EventLog) -> None:
    await log.append(*(happened() for _ in range(1300)))
    async with log.follow(3, EVERYTHING) as follower:
        assert await take(follower, 1297) == list(range(4, 1301))
        waiting = asyncio.ensure_future(take(follower, 2))
        await log.append(happened(), happened())
        assert await waiting == [1301, 1302]


async def test_only_what_passes_the_filter_comes(log: EventLog) -> None:
    async with log.follow(0, EventFilter(actor="bob", projects=frozenset({"p"}))) as follower:
        await log.append(happened("bob"), happened("ann", project_id="p"), happened("bob", project_id="p"))
        assert await take(follower, 1) == [3]
        await log.append(happened(), happened("bob", project_id="q"), happened("bob", project_id="p"))
        assert await take(follower, 1) == [6]


async def test_what_passes_only_far_in_the_past_is_found_at_once(log: EventLog) -> None:
    await log.append(happened("bob"), *(happened() for _ in range(6000)))
    async with log.follow(0, EventFilter(actor="bob")) as follower:
        assert await take(follower, 1) == [1]
        await log.append(happened("bob"))
        assert await take(follower, 1) == [6002]


async def test_many_followers_see_everything_once_while_many_write(log: EventLog) -> None:
    async def follow(after: int) -> list[int]:
        async with log.follow(after, EVERYTHING) as follower:
            return await take(follower, 250 - after)

    await log.append(*(happened() for _ in range(50)))
    following = [asyncio.create_task(follow(after)) for after in range(50)]
    await asyncio.gather(*(log.append(happened()) for _ in range(200)))
    for after, seen in enumerate(await asyncio.gather(*following)):
        assert seen == list(range(after + 1, 251))


async def test_one_who_comes_from_before_what_the_log_holds_is_told_so_and_goes_on_from_its_end(
    log: EventLog,
) -> None:
    await log.append(*(happened() for _ in range(5000)))
    await log.forget(100, 5000)
    async with log.follow(99, EVERYTHING) as follower:
        assert await read(follower) == b'retry: 2000\nevent: reset\nid: 5000\ndata: {"last_id":5000}\n\n'
        await log.append(happened())
        assert await take(follower, 1) == [5001]
    async with log.follow(100, EVERYTHING) as follower:
        assert await take(follower, 4901) == list(range(101, 5002))


async def test_a_closed_follower_ends_and_the_others_go_on(log: EventLog) -> None:
    async with log.follow(0, EVERYTHING) as one, log.follow(0, EVERYTHING) as other:
        ending, going = asyncio.ensure_future(read(one)), asyncio.ensure_future(take(other, 1))
        await asyncio.sleep(0)
        one.close()
        assert await ending is None
        await log.append(happened())
        assert await going == [1]
        assert await read(one) is None


async def test_when_the_log_hangs_up_all_end_and_those_to_come_end_at_once(log: EventLog) -> None:
    async with log.follow(0, EVERYTHING) as one, log.follow(0, EventFilter(actor="bob")) as other:
        ending = asyncio.gather(read(one), read(other))
        await asyncio.sleep(0)
        log.hang_up()
        assert await ending == [None, None]
    async with log.follow(0, EVERYTHING) as late:
        assert await read(late) is None


async def test_a_follower_that_is_cancelled_leaves_the_others_alone(log: EventLog) -> None:
    async def follow() -> None:
        async with log.follow(0, EVERYTHING) as follower:
            await read(follower)

    gone = asyncio.create_task(follow())
    async with log.follow(0, EVERYTHING) as other:
        await asyncio.sleep(0)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        await log.append(happened())
        assert await take(other, 1) == [1]
