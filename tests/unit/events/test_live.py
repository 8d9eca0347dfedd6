"""The shared end of the log: one encoding for all, silence broken, slow readers let go of."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from kyros.events.model import EVERYTHING, Event, EventFilter, matches
from kyros.events.store.live import Live
from kyros.events.store.place import PATIENCE_SECONDS, SILENCE_SECONDS, LiveFollower

NOBODY = EventFilter(actor="nobody")


class Log:
    """A log in memory that counts how often pages of it are read."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.pages = 0
        self.asked: list[EventFilter] = []
        self.live = Live(self._look, self._last_id)

    def add(self, count: int, actor: str = "ann") -> None:
        for number in range(len(self.events) + 1, len(self.events) + count + 1):
            self.events.append(Event(number, "2026-11-20T12:00:00.000000Z", "e", actor, "T-1", {}))
        self.live.wake()

    async def read_up(self) -> None:
        while self.live.last < len(self.events):
            await asyncio.sleep(0)

    async def recall(self) -> None:
        while self.live.floor:
            await asyncio.sleep(0.01)

    async def pass_time(self, seconds: int) -> None:
        self.live.seconds += seconds
        for follower in list(self.live._followers):
            follower.tick()
        await asyncio.sleep(0)

    async def _look(self, after: int, limit: int, match: EventFilter) -> tuple[int, list[Event]]:
        self.pages += 1
        self.asked.append(match)
        return 1, [event for event in self.events[max(0, after) :] if matches(event, match)][:limit]

    async def _last_id(self) -> int:
        return len(self.events)


@pytest.fixture
def log() -> Log:
    return Log()


@asynccontextmanager
async def at_end(log: Log, match: EventFilter = EVERYTHING) -> AsyncIterator[LiveFollower]:
    """A follower that has seen what there is."""
    async with log.live.follow(len(log.events), match) as follower:
        await log.read_up()
        yield follower


def count(messages: bytes | None) -> int:
    assert messages is not None
    return messages.count(b"data: ")


async def test_those_who_stand_at_one_place_share_the_very_bytes(log: Log) -> None:
    async with at_end(log) as one, at_end(log) as two, at_end(log, EventFilter(actor="ann")) as other:
        log.add(3)
        sent = [await follower.read() for follower in (one, two, other)]
    assert sent[0] is sent[1]
    assert sent[0] == sent[2]
    assert count(sent[0]) == 3


async def test_readers_at_every_place_cost_no_more_memory_than_a_few(log: Log) -> None:
    log.add(600)
    async with at_end(log) as reader:
        await log.recall()
        view = reader._view
        for position in range(600):
            assert count(view.messages_after(position)[0]) == min(500, 600 - position)
        assert len(view._joined) <= 8


async def test_large_messages_are_sent_a_few_at_a_time_and_none_is_left_out(log: Log) -> None:
    large = {"text": "x" * 16_000}
    log.events = [Event(n, "2026-11-20T12:00:00.000000Z", "e", "ann", "T-1", large) for n in range(1, 101)]
    async with log.live.follow(0, EVERYTHING) as reader, at_end(log):
        found, sizes = 0, []
        while found < 100:
            messages = await reader.read()
            found += count(messages)
            sizes.append(len(messages or b""))
    assert found == 100
    assert max(sizes) < 300_000


async def test_large_messages_of_what_is_recent_as_well(log: Log) -> None:
    large = {"text": "x" * 16_000}
    log.events = [Event(n, "2026-11-20T12:00:00.000000Z", "e", "ann", "T-1", large) for n in range(1, 101)]
    async with at_end(log) as reader:
        await log.recall()
        reader.position, found = 0, 0
        while found < 100:
            messages = await reader.read()
            assert len(messages or b"") < 300_000
            found += count(messages)
    assert found == 100


async def test_who_comes_first_does_not_wait_for_what_is_recent(log: Log) -> None:
    log.add(1_500)
    async with log.live.follow(1_400, EVERYTHING) as first:
        assert count(await first.read()) == 50
        assert log.live.floor == log.live.last == 1_500


async def test_nothing_is_lost_while_what_is_recent_is_recalled(log: Log) -> None:
    log.add(1_500)
    seen = list[int]()
    async with log.live.follow(10, EVERYTHING) as reader:
        while len(seen) < 1_600 - 10:
            if len(seen) in (50, 350):  # between two pages
                log.add(50)
                await asyncio.sleep(0.06)
            messages = (await reader.read() or b"").decode()
            seen += [int(number) for number in re.findall(r"^id: (\d+)$", messages, re.MULTILINE)]
    assert seen == list(range(11, 1_601))


async def test_a_reader_in_silence_hears_that_we_are_here_and_how_far_the_log_is(log: Log) -> None:
    async with at_end(log, NOBODY) as follower, at_end(log) as busy:
        waiting = asyncio.ensure_future(follower.read())
        await asyncio.sleep(0)
        log.add(7)
        assert count(await busy.read()) == 7
        await log.pass_time(SILENCE_SECONDS - 1)
        assert not waiting.done()
        await log.pass_time(1)
        assert await waiting == b": still here\nid: 7\n\n"


async def test_a_reader_that_takes_nothing_is_let_go_of_and_the_others_go_on(log: Log) -> None:
    ended = asyncio.Event()

    async def stuck() -> str:
        async with log.live.follow(0, EVERYTHING) as follower:
            await follower.read()
            await asyncio.Event().wait()
        ended.set()
        return "left"

    log.add(1)
    async with at_end(log) as other:
        task = asyncio.create_task(stuck())
        while not log.live._followers or len(log.live._followers) < 2:
            await asyncio.sleep(0)
        waiting = asyncio.ensure_future(other.read())
        for _ in range(5):
            await asyncio.sleep(0)
        await log.pass_time(PATIENCE_SECONDS)
        assert not ended.is_set()
        await log.pass_time(1)
        assert await task == "left"
        assert task.cancelling() == 0
        assert await waiting == b": still here\nid: 1\n\n"
        log.add(1)
        assert count(await other.read()) == 1


async def test_a_reader_behind_the_window_that_comes_no_nearer_is_let_go_of(log: Log) -> None:
    log.add(10_000)
    async with log.live.follow(0, EVERYTHING) as follower:
        while count(await follower.read()) < 500:
            continue  # the first pages are small
        for _ in range(PATIENCE_SECONDS):
            await log.pass_time(1)
            log.add(600)  # the log runs away faster than it reads
            await log.read_up()
            assert count(await follower.read()) == 500
        assert not follower.dropped
        for _ in range(3):
            await log.pass_time(1)
        await asyncio.sleep(1)
        raise AssertionError("it goes on all the same")
    assert follower.dropped


async def test_a_reader_behind_the_window_that_comes_nearer_stays(log: Log) -> None:
    log.add(30_000)
    seen = 0
    async with log.live.follow(0, EVERYTHING) as follower:
        while seen < 30_000:
            seen += count(await follower.read())
            await log.pass_time(PATIENCE_SECONDS // 2)
        assert not follower.dropped
    assert seen == 30_000


async def test_a_cancellation_from_outside_is_not_swallowed(log: Log) -> None:
    async def follow() -> None:
        async with log.live.follow(0, EVERYTHING) as follower:
            await follower.read()

    task = asyncio.create_task(follow())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_waiting_reader_whose_filter_passes_little_needs_no_page(log: Log) -> None:
    async with at_end(log, EventFilter(actor="bob")) as follower, at_end(log):
        waiting = asyncio.ensure_future(follower.read())
        log.add(20_000)
        await log.read_up()
        log.add(1, "bob")
        assert count(await waiting) == 1
        assert follower.position == 20_001
        assert set(log.asked) == {EVERYTHING}  # by the one reader of all, nobody for this follower


async def test_all_who_resume_a_little_behind_the_end_share_one_page(log: Log) -> None:
    log.add(1_500)
    async with at_end(log):
        await log.recall()
        before = log.pages
        for after in range(0, 1_500, 100):
            async with log.live.follow(after, EVERYTHING) as follower:
                assert count(await follower.read()) == min(500, 1_500 - after)
        assert log.pages == before


async def test_when_nobody_follows_nothing_is_read(log: Log) -> None:
    async with at_end(log):
        pass
    before = log.pages
    log.add(10)
    for _ in range(5):
        await asyncio.sleep(0)
    assert (log.pages, log.live.last) == (before, -1)
