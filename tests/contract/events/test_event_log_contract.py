"""What every event log promises, asked of the fake and of the table on each database."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kyros.events.errors import EventsForgotten
from kyros.events.fake import FakeEventLog
from kyros.events.model import Event, EventFilter, NewEvent
from kyros.events.ports import EventLog
from kyros.events.store import SqlEventLog
from kyros.infra.db import Database
from kyros.kernel.answers import Answer, KeyReused, Once
from kyros.kernel.clock import to_text

PATIENCE_SECONDS = 20
EVERYTHING = EventFilter()
START = datetime(2026, 11, 20, 12, tzinfo=UTC)

Commit = Callable[[Callable[[Any], None]], Awaitable[None]]


class Clock:
    """One minute later with every look."""

    def __init__(self) -> None:
        self.looks = 0

    def __call__(self) -> datetime:
        self.looks += 1
        return START + timedelta(minutes=self.looks)


@dataclass
class Ground:
    """A log, and how a store's transaction is run."""

    log: EventLog
    commit: Commit


@pytest.fixture(params=["fake", "database", "database without wake", "postgres", "postgres without wake"])
def ground(request: pytest.FixtureRequest) -> Ground:
    if request.param == "fake":
        return Ground(FakeEventLog(clock=Clock()), _commit_in_memory)
    name, _, silent = request.param.partition(" ")
    database: Database = request.getfixturevalue(name)
    log = SqlEventLog(database, clock=Clock())
    if not silent:
        database.listener = lambda topics: log.wake()
    return Ground(log, database.write)


@pytest.fixture
def log(ground: Ground) -> EventLog:
    return ground.log


async def _commit_in_memory(work: Callable[[Any], None]) -> None:
    staged: list[Callable[[], None]] = []
    work(staged)
    for do in staged:
        do()


def happened(
    event: str = "task_created", target: str = "T-100", actor: str = "ann", **details: object
) -> NewEvent:
    return NewEvent(event, actor, target, details)


async def take(tail: AsyncIterator[Event], count: int) -> list[Event]:
    async with asyncio.timeout(PATIENCE_SECONDS):
        return [await anext(tail) for _ in range(count)]


async def test_what_was_appended_is_read_back_numbered_and_dated(log: EventLog) -> None:
    assert await log.last_id() == 0
    assert await log.append(happened(note="grün ✓", deep={"list": [1, None]}), happened("task_moved")) == [
        1,
        2,
    ]
    first, second = await log.page(0, 10, EVERYTHING)
    assert first == Event(
        1,
        "2026-11-20T12:01:00.000000Z",
        "task_created",
        "ann",
        "T-100",
        {"note": "grün ✓", "deep": {"list": [1, None]}},
    )
    assert (second.id, second.event, second.details) == (2, "task_moved", {})
    assert await log.last_id() == 2


async def test_appending_nothing_changes_nothing(log: EventLog) -> None:
    assert await log.append() == []
    assert await log.last_id() == 0


async def test_pages_follow_each_other_without_gap_or_repeat(log: EventLog) -> None:
    await log.append(*(happened(n=n) for n in range(25)))
    seen: list[int] = []
    while page := await log.page(seen[-1] if seen else 0, 10, EVERYTHING):
        seen += [event.id for event in page]
    assert seen == list(range(1, 26))


async def test_a_page_beyond_the_end_is_empty(log: EventLog) -> None:
    await log.append(happened())
    assert await log.page(1, 10, EVERYTHING) == []
    assert await log.page(99, 10, EVERYTHING) == []


async def test_an_event_of_a_rolled_back_transaction_never_appears(ground: Ground) -> None:
    def refused(transaction: Any) -> None:
        ground.log.append_in(transaction, [happened("never")])
        raise ValueError("the store says no")

    async with aclosing(ground.log.tail(0, EVERYTHING)) as tail:
        for _ in range(3):
            with pytest.raises(ValueError, match="says no"):
                await ground.commit(refused)
        await ground.commit(lambda transaction: ground.log.append_in(transaction, [happened("kept")]))
        assert [event.event for event in await take(tail, 1)] == ["kept"]
    assert [event.event for event in await ground.log.page(0, 10, EVERYTHING)] == ["kept"]


async def test_events_of_one_transaction_stand_together_among_concurrent_ones(ground: Ground) -> None:
    async def write(n: int) -> None:
        pair = [happened(n=n, part=part) for part in "ab"]
        await ground.commit(lambda transaction: ground.log.append_in(transaction, pair))

    await asyncio.gather(*(write(n) for n in range(100)))
    events = await ground.log.page(0, 500, EVERYTHING)
    assert [event.id for event in events] == list(range(1, 201))
    for first, second in zip(events[::2], events[1::2], strict=True):
        assert (first.details["n"], first.details["part"]) == (second.details["n"], "a")


@pytest.mark.parametrize(
    ("match", "found"),
    [
        (EVERYTHING, [1, 2, 3, 4, 5]),
        (EventFilter(event="run_started"), [2, 3]),
        (EventFilter(actor="bob"), [3, 5]),
        (EventFilter(target="T-1"), [1, 2, 4]),
        (EventFilter(target="run_1"), [2, 4]),
        (EventFilter(target="pull_9"), [4, 5]),
        (EventFilter(task="T-1"), [1, 2, 4]),
        (EventFilter(task="run_1"), [2]),
        (EventFilter(event="run_started", actor="ann", target="T-1"), [2]),
        (EventFilter(target="T"), []),
        (EventFilter(target="p_2"), [3]),
        (EventFilter(projects=frozenset({"p_1", "p_3"})), [2, 4]),
        (EventFilter(projects=frozenset({"p_1", "p_2"}), actor="bob"), [3]),
        (EventFilter(projects=frozenset({"p_1"}), target="p_2"), []),
        (EventFilter(projects=frozenset({"p_1"}), task="T-1"), [2, 4]),
        (EventFilter(projects=frozenset()), []),
        (EventFilter(since=to_text(START + timedelta(minutes=3))), [3, 4, 5]),
        (EventFilter(since=to_text(START + timedelta(minutes=2, seconds=1)), actor="ann"), [4]),
        (EventFilter(since=to_text(START + timedelta(days=1))), []),
    ],
)
async def test_filters_find_the_same_in_pages_and_tails(
    log: EventLog, match: EventFilter, found: list[int]
) -> None:
    for event in (
        happened("task_created", "T-1"),
        happened("run_started", "run_1", task_id="T-1", project_id="p_1"),
        happened("run_started", "run_2", "bob", task_id="T-2", project_id="p_2"),
        happened("pull_opened", "pull_9", task_id="T-1", run_id="run_1", project_id="p_1"),
        happened("commented", "c_1", "bob", pull_id="pull_9", run_id=7),
    ):
        await log.append(event)
    assert [event.id for event in await log.page(0, 10, match)] == found
    assert [event.id for event in await log.page(0, 1, match)] == found[:1]
    async with aclosing(log.tail(0, match)) as tail:
        assert [event.id for event in await take(tail, len(found))] == found


async def test_a_tail_that_starts_in_the_past_brings_what_was_and_what_comes(log: EventLog) -> None:
    await log.append(*(happened(n=n) for n in range(1200)))
    async with aclosing(log.tail(3, EVERYTHING)) as tail:
        past = await take(tail, 600)
        await log.append(happened("news"))
        rest = await take(tail, 598)
    assert [event.id for event in past + rest] == list(range(4, 1202))
    assert rest[-1].event == "news"


async def test_a_tail_from_the_end_brings_only_what_comes(log: EventLog) -> None:
    await log.append(happened("old"))
    async with aclosing(log.tail(await log.last_id(), EVERYTHING)) as tail:
        waiting = asyncio.ensure_future(take(tail, 2))
        await asyncio.sleep(0.05)
        await log.append(happened("new"))
        await log.append(happened("newer"))
        assert [event.event for event in await waiting] == ["new", "newer"]


async def test_a_tail_of_an_empty_log_waits_for_the_first_event(log: EventLog) -> None:
    async with aclosing(log.tail(0, EVERYTHING)) as tail:
        waiting = asyncio.ensure_future(take(tail, 1))
        await asyncio.sleep(0.05)
        await log.append(happened())
        assert [event.id for event in await waiting] == [1]


async def test_a_filtered_tail_passes_over_the_rest(log: EventLog) -> None:
    async with aclosing(log.tail(0, EventFilter(actor="bob"))) as tail:
        for n in range(700):
            await log.append(happened(actor="bob" if n % 100 == 0 else "ann"))
        assert [event.id for event in await take(tail, 7)] == [1, 101, 201, 301, 401, 501, 601]


async def test_many_tails_see_everything_while_many_write(log: EventLog) -> None:
    async def follow(after: int) -> list[int]:
        async with aclosing(log.tail(after, EVERYTHING)) as tail:
            return [event.id for event in await take(tail, 300 - after)]

    await log.append(*(happened() for _ in range(50)))
    tails = [asyncio.create_task(follow(after)) for after in range(50)]
    await asyncio.gather(*(log.append(happened(n=n)) for n in range(250)))
    for after, seen in enumerate(await asyncio.gather(*tails)):
        assert seen == list(range(after + 1, 301))


async def test_a_slow_reader_loses_nothing(log: EventLog) -> None:
    async with aclosing(log.tail(0, EVERYTHING)) as tail:
        await log.append(happened())
        seen = [event.id for event in await take(tail, 1)]
        for _ in range(10):
            await log.append(*(happened() for _ in range(400)))
        seen += [event.id for event in await take(tail, 4000)]
    assert seen == list(range(1, 4002))


async def test_a_tail_can_be_closed_and_another_opened(log: EventLog) -> None:
    for n in range(1, 4):
        async with aclosing(log.tail(n - 1, EVERYTHING)) as tail:
            await log.append(happened())
            assert [event.id for event in await take(tail, 1)] == [n]


def once(key: str = "k", digest: str = "d", who: str = "ann") -> Once:
    return Once(who, key, digest)


def answer(number: int) -> Answer:
    return Answer(201, f'{{"id":{number}}}', {"Location": f"/{number}"})


async def test_a_key_gets_the_same_answer_and_no_second_event(log: EventLog) -> None:
    first = await log.append_once(happened(n=1), once(), answer)
    assert first == answer(1)
    assert await log.append_once(happened(n=2), once(), answer) == first
    assert await log.append_once(happened(n=3), once("other"), answer) == answer(2)
    assert await log.append_once(happened(n=4), once(who="bob"), answer) == answer(3)
    assert [event.details["n"] for event in await log.page(0, 9, EVERYTHING)] == [1, 3, 4]


async def test_a_key_with_another_request_is_refused_and_appends_nothing(log: EventLog) -> None:
    await log.append_once(happened(), once(), answer)
    with pytest.raises(KeyReused):
        await log.append_once(happened(), once(digest="other"), answer)
    assert await log.last_id() == 1


async def test_many_with_one_key_at_once_append_one_event(log: EventLog) -> None:
    given = await asyncio.gather(*(log.append_once(happened(n=n), once(), answer) for n in range(20)))
    assert set(map(str, given)) == {str(answer(1))}
    assert await log.last_id() == 1


async def test_picked_events_come_in_order_as_far_as_the_filter_lets_them(log: EventLog) -> None:
    await log.append(*(happened(project_id=f"p_{n % 2}") for n in range(6)))
    assert [event.id for event in await log.pick([5, 1, 99, 2], EVERYTHING)] == [1, 2, 5]
    assert [event.id for event in await log.pick([5, 1, 2], EventFilter(projects=frozenset({"p_1"})))] == [2]


async def test_what_cannot_be_json_is_refused_when_it_is_appended(log: EventLog) -> None:
    for details in ({"n": 2**70}, {"text": "\ud800"}, {"what": object()}):
        with pytest.raises(TypeError):
            await log.append(happened(**details))
    assert await log.last_id() == 0


async def test_details_that_are_no_ids_are_kept_but_found_by_nothing(log: EventLog) -> None:
    await log.append(happened(run_id="run\0_1", task_id=["T-1"], pull_id="x" * 300, project_id={"a": 1}))
    (event,) = await log.page(0, 9, EVERYTHING)
    assert (event.details["run_id"], event.details["task_id"]) == ("run\0_1", ["T-1"])
    assert await log.page(0, 9, EventFilter(target="x" * 300)) == []


async def test_the_oldest_are_forgotten_and_numbers_go_on(log: EventLog) -> None:
    assert await log.first_id() == 1
    await log.append(*(happened() for _ in range(10)))
    assert await log.forget(7, 3) == 3
    assert (await log.first_id(), await log.last_id()) == (4, 10)
    assert await log.forget(7, 100) == 4
    assert await log.forget(7, 100) == 0
    assert [event.id for event in await log.page(0, 9, EVERYTHING)] == [8, 9, 10]
    assert await log.append(happened()) == [11]


async def test_the_newest_event_is_never_forgotten(log: EventLog) -> None:
    await log.append(happened(), happened())
    assert await log.forget(99, 99) == 1
    assert await log.append(happened()) == [3]
    assert await log.first_id() == 2


async def test_a_tail_from_before_what_the_log_holds_is_refused(log: EventLog) -> None:
    await log.append(*(happened() for _ in range(10)))
    await log.forget(5, 99)
    async with aclosing(log.tail(4, EVERYTHING)) as tail:
        with pytest.raises(EventsForgotten):
            await take(tail, 1)
    async with aclosing(log.tail(5, EVERYTHING)) as tail:
        assert [event.id for event in await take(tail, 5)] == [6, 7, 8, 9, 10]
