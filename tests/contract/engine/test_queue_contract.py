"""What every queue promises, asked of the fake and of the embedded one on each database."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from kyros.engine.adapters.embedded.queue import EmbeddedQueue
from kyros.engine.adapters.embedded.rounds import Rules, Worker
from kyros.engine.fake import FakeQueue
from kyros.engine.model import Again, NewJob
from kyros.engine.ports import Handler, Queue
from kyros.infra.db import Database

ATTEMPTS = 3
PATIENCE_SECONDS = 20

Commit = Callable[[Callable[[Any], None]], Awaitable[None]]


@dataclass
class Ends:
    """Two workers' ends of one queue, and how a store's transaction is run."""

    queue: Queue
    other: Queue
    commit: Commit


@pytest.fixture(params=["fake", "database", "postgres"])
def ends(request: pytest.FixtureRequest) -> Ends:
    return _fake() if request.param == "fake" else _embedded(request.getfixturevalue(request.param))


@pytest.fixture
def queue(ends: Ends) -> Queue:
    return ends.queue


def _fake() -> Ends:
    queue = FakeQueue(ATTEMPTS, backoff_seconds=0.01)

    async def commit(work: Callable[[Any], None]) -> None:
        staged: list[Callable[[], None]] = []
        work(staged)
        for do in staged:
            do()

    return Ends(queue, queue, commit)


def _embedded(database: Database) -> Ends:
    rules = Rules(max_attempts=ATTEMPTS, backoff_seconds=0.01, poll_seconds=0.2)
    one, two = (EmbeddedQueue(database, Worker(name, "1", rules)) for name in ("one", "two"))

    def wake(_: object) -> None:
        one.wake()
        two.wake()

    database.listener = wake
    return Ends(one, two, database.write)


@asynccontextmanager
async def serving(queue: Queue, slots: int = 2, **handlers: Handler) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(queue.serve(handlers, slots))
    try:
        yield task
    finally:
        await stop(task)


async def stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled(), task.exception()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.005)


async def until_empty(queue: Queue) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await queue.depth():
            await asyncio.sleep(0.005)


class Calls:
    """A handler that remembers its payloads and answers from a script, then with None."""

    def __init__(self, *script: Again | Exception | None) -> None:
        self.payloads: list[Mapping[str, Any]] = []
        self._script = list(script)

    async def __call__(self, payload: Mapping[str, Any]) -> Again | None:
        self.payloads.append(payload)
        answer = self._script.pop(0) if self._script else None
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def count(self) -> int:
        return len(self.payloads)


class Gate:
    """A handler that stays inside until it is opened; `passes` calls go straight through before."""

    def __init__(self, *script: Again | Exception | None, passes: int = 0) -> None:
        self._passes = passes
        self.entered, self.opened = asyncio.Event(), asyncio.Event()
        self.calls, self.inside = 0, 0
        self._script = list(script)

    async def __call__(self, payload: Mapping[str, Any]) -> Again | None:
        self.calls += 1
        self.inside += 1
        self.entered.set()
        try:
            if self.calls > self._passes:
                await self.opened.wait()
        finally:
            self.inside -= 1
        answer = self._script.pop(0) if self._script else None
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_a_job_runs_once_with_its_payload_and_is_gone(queue: Queue) -> None:
    work = Calls()
    payload = {"text": "grün ✓", "nested": {"list": [1, 2.5, None]}}
    await queue.enqueue(NewJob("work", payload))
    assert await queue.depth() == 1
    async with serving(queue, work=work):
        await until_empty(queue)
    assert work.payloads == [payload]


async def test_a_payload_that_is_not_json_is_refused(queue: Queue) -> None:
    with pytest.raises(TypeError):
        await queue.enqueue(NewJob("work", {"what": object()}))
    assert await queue.depth() == 0


async def test_a_job_enqueued_while_the_worker_is_idle_runs(queue: Queue) -> None:
    work = Calls()
    async with serving(queue, work=work):
        await asyncio.sleep(0.05)
        await queue.enqueue(NewJob("work"))
        await until(lambda: work.count == 1)


async def test_a_job_exists_exactly_if_its_transaction_commits(ends: Ends) -> None:
    work = Calls()

    def refused(transaction: Any) -> None:
        ends.queue.enqueue_in(transaction, NewJob("work", {"n": "refused"}))
        raise ValueError("the store says no")

    with pytest.raises(ValueError, match="says no"):
        await ends.commit(refused)
    await ends.commit(lambda transaction: ends.queue.enqueue_in(transaction, NewJob("work", {"n": "kept"})))
    async with serving(ends.queue, work=work):
        await until_empty(ends.queue)
    assert work.payloads == [{"n": "kept"}]


async def test_five_hundred_jobs_each_run_once(queue: Queue) -> None:
    work = Calls()
    await asyncio.gather(*(queue.enqueue(NewJob("work", {"n": n})) for n in range(500)))
    async with serving(queue, slots=4, work=work):
        await until_empty(queue)
    assert sorted(payload["n"] for payload in work.payloads) == list(range(500))


async def test_jobs_of_handlers_it_does_not_have_are_left_to_others(queue: Queue) -> None:
    mine, others = Calls(), Calls()
    await queue.enqueue(NewJob("others"))
    await queue.enqueue(NewJob("mine"))
    async with serving(queue, mine=mine):
        await until(lambda: mine.count == 1)
        await asyncio.sleep(0.05)
    assert (others.count, await queue.depth()) == (0, 1)
    async with serving(queue, others=others):
        await until_empty(queue)


async def test_no_more_run_at_a_time_than_there_are_slots(queue: Queue) -> None:
    inside = most = 0

    async def work(_: object) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0.01)
        inside -= 1

    for _ in range(12):
        await queue.enqueue(NewJob("work"))
    async with serving(queue, slots=3, work=work):
        await until_empty(queue)
    assert most == 3


# Keys


async def test_a_key_is_unique_among_unfinished_jobs(queue: Queue) -> None:
    work = Calls()
    for n in range(3):
        await queue.enqueue(NewJob("work", {"n": n}, key="run_1"))
    assert await queue.depth() == 1
    async with serving(queue, work=work):
        await until_empty(queue)
    assert work.payloads == [{"n": 0}]


async def test_a_finished_jobs_key_is_free_again(queue: Queue) -> None:
    work = Calls()
    async with serving(queue, work=work):
        for _ in range(2):
            await queue.enqueue(NewJob("work", key="run_1"))
            await until_empty(queue)
    assert work.count == 2


async def test_the_same_key_brings_a_waiting_job_forward(queue: Queue) -> None:
    work = Calls()
    await queue.enqueue(NewJob("work", key="run_1", delay_seconds=3600))
    async with serving(queue, work=work):
        await asyncio.sleep(0.05)
        assert work.count == 0
        await queue.enqueue(NewJob("work", key="run_1"))
        await until_empty(queue)
    assert work.count == 1


async def test_the_same_key_never_puts_a_job_off(queue: Queue) -> None:
    work = Calls()
    await queue.enqueue(NewJob("work", key="run_1"))
    await queue.enqueue(NewJob("work", key="run_1", delay_seconds=3600))
    async with serving(queue, work=work):
        await until_empty(queue)
    assert work.count == 1


async def test_nudges_while_a_job_runs_make_it_run_once_more(queue: Queue) -> None:
    gate = Gate()
    await queue.enqueue(NewJob("work", key="run_1"))
    async with serving(queue, work=gate):
        await gate.entered.wait()
        for _ in range(3):
            await queue.enqueue(NewJob("work", key="run_1"))
        assert (await queue.depth(), gate.inside) == (1, 1)
        gate.opened.set()
        await until_empty(queue)
    assert gate.calls == 2


async def test_a_nudge_outdoes_the_handlers_wish_to_wait(queue: Queue) -> None:
    gate = Gate(Again(3600))
    await queue.enqueue(NewJob("work", key="run_1"))
    async with serving(queue, work=gate):
        await gate.entered.wait()
        await queue.enqueue(NewJob("work", key="run_1"))
        gate.opened.set()
        await until_empty(queue)
    assert gate.calls == 2


async def test_a_nudge_survives_the_last_failure(queue: Queue) -> None:
    gate = Gate(*[ValueError("broken")] * ATTEMPTS, passes=ATTEMPTS - 1)
    await queue.enqueue(NewJob("work", key="run_1"))
    async with serving(queue, work=gate):
        await until(lambda: gate.calls == ATTEMPTS and gate.inside == 1)
        await queue.enqueue(NewJob("work", key="run_1"))
        gate.opened.set()
        await until_empty(queue)
    assert gate.calls == ATTEMPTS + 1


# Time


async def test_a_delayed_job_waits_while_others_pass(queue: Queue) -> None:
    work = Calls()
    await queue.enqueue(NewJob("work", {"n": "late"}, delay_seconds=0.3))
    await queue.enqueue(NewJob("work", {"n": "now"}))
    async with serving(queue, work=work):
        await until_empty(queue)
    assert [payload["n"] for payload in work.payloads] == ["now", "late"]


async def test_again_is_no_failure_however_often(queue: Queue) -> None:
    work = Calls(*[Again(0)] * (3 * ATTEMPTS))
    await queue.enqueue(NewJob("work"))
    async with serving(queue, work=work):
        await until_empty(queue)
    assert work.count == 3 * ATTEMPTS + 1


async def test_again_waits_as_long_as_it_said(queue: Queue) -> None:
    work = Calls(Again(3600))
    await queue.enqueue(NewJob("work"))
    async with serving(queue, work=work):
        await until(lambda: work.count == 1)
        await asyncio.sleep(0.05)
    assert (work.count, await queue.depth()) == (1, 1)


# Failures


async def test_a_failing_job_is_tried_again_until_it_works(queue: Queue) -> None:
    work = Calls(*[ValueError("not yet")] * (ATTEMPTS - 1))
    await queue.enqueue(NewJob("work"))
    async with serving(queue, work=work):
        await until_empty(queue)
    assert work.count == ATTEMPTS


async def test_a_job_that_always_fails_is_dead_after_its_attempts(queue: Queue) -> None:
    work, next_one = Calls(*[ValueError("broken")] * 10), Calls()
    await queue.enqueue(NewJob("work", key="run_1"))
    async with serving(queue, work=work):
        await until_empty(queue)
    assert work.count == ATTEMPTS
    await queue.enqueue(NewJob("work", key="run_1"))
    async with serving(queue, work=next_one):
        await until_empty(queue)
    assert next_one.count == 1


async def test_progress_between_failures_starts_the_count_afresh(queue: Queue) -> None:
    twice = [ValueError("broken")] * (ATTEMPTS - 1)
    work = Calls(*twice, Again(0), *twice)
    await queue.enqueue(NewJob("work"))
    async with serving(queue, work=work):
        await until_empty(queue)
    assert work.count == 2 * len(twice) + 2


async def test_a_handler_that_cancels_itself_has_failed(queue: Queue) -> None:
    calls = 0

    async def work(_: object) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise asyncio.CancelledError

    await queue.enqueue(NewJob("work"))
    async with serving(queue, work=work):
        await until_empty(queue)
    assert calls == 2


# Workers


async def test_two_workers_share_the_jobs_and_run_each_once(ends: Ends) -> None:
    runs: Counter[int] = Counter()

    async def work(payload: Mapping[str, Any]) -> None:
        runs[payload["n"]] += 1
        await asyncio.sleep(0.001)

    for n in range(100):
        await ends.queue.enqueue(NewJob("work", {"n": n}))
    async with serving(ends.queue, work=work), serving(ends.other, work=work):
        await until_empty(ends.queue)
    assert runs == Counter(dict.fromkeys(range(100), 1))


async def test_a_cancelled_worker_gives_back_what_it_had_not_finished(ends: Ends) -> None:
    gate, work = Gate(), Calls()
    for n in range(5):
        await ends.queue.enqueue(NewJob("work", {"n": n}))
    async with serving(ends.queue, slots=2, work=gate):
        await until(lambda: gate.inside == 2)
    assert (gate.inside, await ends.queue.depth()) == (0, 5)
    async with serving(ends.other, work=work):
        await until_empty(ends.other)
    assert sorted(payload["n"] for payload in work.payloads) == [0, 1, 2, 3, 4]


async def test_a_job_is_not_given_back_before_its_handler_has_ended(ends: Ends) -> None:
    started, ending, may_end, work = asyncio.Event(), asyncio.Event(), asyncio.Event(), Calls()

    async def slow_to_stop(_: object) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ending.set()
            await may_end.wait()

    await ends.queue.enqueue(NewJob("work"))
    first = asyncio.create_task(ends.queue.serve({"work": slow_to_stop}, 1))
    await started.wait()
    first.cancel()
    await ending.wait()
    async with serving(ends.other, work=work):
        await asyncio.sleep(0.05)
        assert work.count == 0
        may_end.set()
        await asyncio.wait([first])
        await until_empty(ends.other)
    assert work.count == 1
