"""The embedded queue where it meets the world: killed processes, silent workers, refusing databases."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from kyros.engine.adapters.embedded import table
from kyros.engine.adapters.embedded.bus import HubBus
from kyros.engine.adapters.embedded.queue import TOPIC, EmbeddedQueue
from kyros.engine.adapters.embedded.rounds import Rules, Worker
from kyros.engine.model import NewJob
from kyros.infra.db import SqliteDatabase, Work, metadata
from kyros.kernel.clock import utc_now
from kyros.kernel.errors import DiskFull

NEVER = 3600.0
PATIENCE_SECONDS = 30

WORKER = """
import asyncio, sys
from pathlib import Path
from kyros.engine.adapters.embedded.bus import ClientBus
from kyros.engine.adapters.embedded.queue import TOPIC, EmbeddedQueue
from kyros.engine.adapters.embedded.rounds import Rules, Worker
from kyros.infra.db import SqliteDatabase

home, name, ttl, poll = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]), float(sys.argv[4])

async def quick(payload):
    print("ran", payload["n"], flush=True)

async def forever(payload):
    print("holds", payload["n"], flush=True)
    await asyncio.Event().wait()

async def main():
    rules = Rules(claim_ttl_seconds=ttl, poll_seconds=poll)
    queue = EmbeddedQueue(SqliteDatabase(home / "kyros.db"), Worker(name, "boot-of-the-child", rules))
    async with ClientBus(home) as bus, bus.subscribe(TOPIC) as nudges, asyncio.TaskGroup() as group:
        group.create_task(queue.serve({"quick": quick, "forever": forever}, 2))
        print("serves", flush=True)
        async for _ in nudges:
            queue.wake()

asyncio.run(main())
"""


@contextmanager
def worker_process(home: Path, name: str, ttl: float, poll: float = 0.2) -> Iterator[subprocess.Popen[str]]:
    """A real worker. Its lines say what it does."""
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(home), name, str(ttl), str(poll)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


async def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return (await asyncio.to_thread(process.stdout.readline)).strip()


async def kill_while_it_holds(queue: EmbeddedQueue, home: Path, name: str, ttl: float) -> None:
    await queue.enqueue(NewJob("forever", {"n": 1}))
    with worker_process(home, name, ttl) as process:
        assert [await line(process), await line(process)] == ["serves", "holds 1"]
        process.send_signal(signal.SIGKILL)
        process.wait()


@asynccontextmanager
async def serving(queue: EmbeddedQueue, slots: int = 2, **handlers: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(queue.serve(handlers, slots))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def until_empty(queue: EmbeddedQueue) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await queue.depth():
            await asyncio.sleep(0.01)


async def until(condition: Callable[[], bool], step_seconds: float = 0.01) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(step_seconds)


def queue_of(database: SqliteDatabase, name: str = "one", boot: str = "1", **rules: Any) -> EmbeddedQueue:
    return EmbeddedQueue(database, Worker(name, boot, Rules(**{"poll_seconds": 0.2, **rules})))


async def rows(database: SqliteDatabase) -> list[dict[str, Any]]:
    found = await database.read(lambda c: c.exec_driver_sql("SELECT * FROM engine_jobs").mappings().all())
    return [dict(row) for row in found]


async def nothing(_: Mapping[str, Any]) -> None:
    return None


async def block(_: Mapping[str, Any]) -> None:
    await asyncio.Event().wait()


async def test_jobs_survive_the_process(tmp_path: Path, database: SqliteDatabase) -> None:
    await queue_of(database).enqueue(NewJob("work", {"n": 1}))
    again = SqliteDatabase(database.path)
    try:
        async with serving(queue_of(again, "two"), work=nothing):
            await until_empty(queue_of(again))
    finally:
        again.close()


async def test_a_killed_workers_job_comes_back_when_its_claim_ends(
    tmp_path: Path, database: SqliteDatabase
) -> None:
    queue = queue_of(database, "other")
    await kill_while_it_holds(queue, tmp_path, "killed", ttl=1.0)
    assert (await rows(database))[0]["state"] == "claimed"
    async with serving(queue, forever=nothing):
        await until_empty(queue)


async def test_a_killed_workers_job_comes_back_at_once_when_it_starts_again(
    tmp_path: Path, database: SqliteDatabase
) -> None:
    queue = queue_of(database, "killed", "its next boot")
    await kill_while_it_holds(queue, tmp_path, "killed", ttl=NEVER)
    async with serving(queue, forever=nothing):
        await until_empty(queue)


async def test_a_nudge_from_another_process_wakes_the_worker(
    tmp_path: Path, database: SqliteDatabase
) -> None:
    queue = queue_of(database)
    async with HubBus(tmp_path) as bus:
        with worker_process(tmp_path, "worker", ttl=NEVER, poll=NEVER) as process:
            assert await line(process) == "serves"
            await asyncio.sleep(0.3)
            database.listener = lambda topics: bus.publish(TOPIC, b"")
            await queue.enqueue(NewJob("quick", {"n": 7}))
            assert await line(process) == "ran 7"


async def test_a_commit_in_the_same_process_wakes_the_worker(database: SqliteDatabase) -> None:
    queue = queue_of(database, poll_seconds=NEVER)
    database.listener = lambda topics: queue.wake()
    ran = asyncio.Event()

    async def work(_: Mapping[str, Any]) -> None:
        ran.set()

    async with serving(queue, work=work):
        await asyncio.sleep(0.1)
        await queue.enqueue(NewJob("work", delay_seconds=0.1))
        await asyncio.wait_for(ran.wait(), PATIENCE_SECONDS)


async def test_a_job_longer_than_its_claim_is_renewed_and_runs_once(database: SqliteDatabase) -> None:
    one, two = (queue_of(database, name, claim_ttl_seconds=0.6, poll_seconds=0.1) for name in ("one", "two"))
    starts = 0

    async def long(_: Mapping[str, Any]) -> None:
        nonlocal starts
        starts += 1
        await asyncio.sleep(1.5)

    await one.enqueue(NewJob("work"))
    async with serving(one, work=long), serving(two, work=long):
        await until_empty(one)
    assert starts == 1


async def test_who_lost_a_claim_is_stopped_and_cannot_answer_any_more(database: SqliteDatabase) -> None:
    ahead = Worker("two", "1", Rules(poll_seconds=0.1), clock=lambda: utc_now() + timedelta(hours=1))
    one, two = queue_of(database, claim_ttl_seconds=0.9, poll_seconds=0.1), EmbeddedQueue(database, ahead)
    entered, stopped, release = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def first(_: Mapping[str, Any]) -> None:
        entered.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            stopped.set()  # and answers as if it had finished

    async def second(_: Mapping[str, Any]) -> None:
        await release.wait()

    await one.enqueue(NewJob("work"))
    async with serving(one, work=first):
        await entered.wait()
        async with serving(two, work=second):
            await asyncio.wait_for(stopped.wait(), PATIENCE_SECONDS)
            await asyncio.sleep(0.3)
            assert [row["claimed_by"] for row in await rows(database)] == ["two/1/1"]
            release.set()
            await until_empty(two)


async def test_the_dead_keep_their_last_error(database: SqliteDatabase) -> None:
    async def broken(_: Mapping[str, Any]) -> None:
        raise ValueError("no such branch")

    queue = queue_of(database, max_attempts=2, backoff_seconds=0.01)
    await queue.enqueue(NewJob("work", {"n": 1}, key="k"))
    async with serving(queue, work=broken):
        await until_empty(queue)
    (row,) = await rows(database)
    assert (row["state"], row["failures"], row["last_error"]) == ("dead", 2, "ValueError: no such branch")
    assert json.loads(row["payload"]) == {"n": 1}


async def test_a_job_that_keeps_killing_its_worker_is_dead_in_the_end(database: SqliteDatabase) -> None:
    await queue_of(database).enqueue(NewJob("work"))
    for boot in range(3):
        owner, now = f"one/{boot}/1", utc_now().timestamp()
        await database.write(lambda c, o=owner, n=now: table.claim(c, o, ["work"], 1, n, n + NEVER))
        await database.write(lambda c, b=boot: table.lose_older_boots(c, "one", str(b + 1), 3))
    (row,) = await rows(database)
    assert (row["state"], row["losses"], row["last_error"]) == ("dead", 3, "its worker died")


async def test_a_worker_frees_its_own_earlier_boots_only(database: SqliteDatabase) -> None:
    queue = queue_of(database, "one", "2")
    for owner in ("one/1/1", "one/2/7", "one-more/1/1", "two/1/1"):
        await queue.enqueue(NewJob(owner))
        now = utc_now().timestamp()
        await database.write(lambda c, o=owner, n=now: table.claim(c, o, [o], 1, n, n + NEVER))
    async with serving(queue, other=nothing):
        await until_state(database, "one/1/1", "queued")
    states = {row["handler"]: row["state"] for row in await rows(database)}
    assert states == {
        "one/1/1": "queued",
        "one/2/7": "claimed",
        "one-more/1/1": "claimed",
        "two/1/1": "claimed",
    }


async def until_state(database: SqliteDatabase, handler: str, state: str) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while {row["handler"]: row["state"] for row in await rows(database)}[handler] != state:
            await asyncio.sleep(0.01)


async def test_jobs_claimed_ahead_go_back_when_a_slow_one_blocks_them(database: SqliteDatabase) -> None:
    one, two = queue_of(database, "one"), queue_of(database, "two")
    ran, started = set(), asyncio.Event()

    async def slow(_: Mapping[str, Any]) -> None:
        started.set()
        await asyncio.Event().wait()

    async def quick(payload: Mapping[str, Any]) -> None:
        ran.add(payload["n"])

    async def enqueue(jobs: list[NewJob]) -> None:
        await database.write(lambda c: [one.enqueue_in(c, job) for job in jobs])

    await enqueue([NewJob("quick", {"n": n}) for n in range(300)])  # it learns that jobs are quick
    async with serving(one, slots=1, quick=quick, slow=slow):
        await until_empty(one)
        await enqueue([NewJob("slow"), *(NewJob("quick", {"n": n}) for n in range(300, 310))])
        one.wake()
        await asyncio.wait_for(started.wait(), PATIENCE_SECONDS)
        assert any(row["claimed_by"] for row in await rows(database) if row["handler"] == "quick")
        async with serving(two, quick=quick):
            await until(lambda: len(ran) == 310)


async def test_what_ended_while_the_database_refused_is_settled_later(tmp_path: Path) -> None:
    class Full(SqliteDatabase):
        refuse = False

        async def write(self, work: Work[Any]) -> Any:
            if self.refuse:
                raise DiskFull("The disk is full.")
            return await super().write(work)

    database = Full(tmp_path / "kyros.db")
    metadata.create_all(database._engine)
    queue = queue_of(database, max_attempts=1)
    calls, entered, release = 0, asyncio.Event(), asyncio.Event()

    async def work(_: Mapping[str, Any]) -> None:
        nonlocal calls
        calls += 1
        entered.set()
        await release.wait()

    try:
        await queue.enqueue(NewJob("work"))
        async with serving(queue, work=work):
            await entered.wait()
            database.refuse = True
            release.set()
            await asyncio.sleep(0.5)
            assert await queue.depth() == 1
            database.refuse = False
            await until_empty(queue)
        assert calls == 1
    finally:
        database.close()


@pytest.mark.parametrize("statement", ["_CLAIM", "_NEXT"])
async def test_waiting_jobs_are_found_by_the_index(database: SqliteDatabase, statement: str) -> None:
    sql = getattr(table, statement).format(handlers="?")
    values = ("one", 1.0, 1.0, 1.0, "work", 5) if statement == "_CLAIM" else ("work",)
    plan = await database.read(lambda c: c.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values).fetchall())
    text = " ".join(row[-1] for row in plan)
    assert "INDEX engine_jobs_queued" in text
    assert "TEMP B-TREE" not in text


async def test_stopping_frees_even_claims_that_were_still_on_their_way(tmp_path: Path) -> None:
    class Watched(SqliteDatabase):
        writes = 0

        async def write(self, work: Work[Any]) -> Any:
            self.writes += 1
            return await super().write(work)

    database = Watched(tmp_path / "kyros.db")
    metadata.create_all(database._engine)
    queue = queue_of(database)
    try:
        await queue.enqueue(NewJob("work"))
        task = asyncio.create_task(queue.serve({"work": block}, 1))
        await until(lambda: database.writes == 3, 0)  # enqueue, free older boots, and now it claims
        task.cancel()
        await asyncio.wait([task])
        assert [row["state"] for row in await rows(database)] == ["queued"]
    finally:
        database.close()


def test_retries_grow_to_their_cap_and_spread_over_the_whole_time() -> None:
    rules = Rules(backoff_seconds=1.0, backoff_cap_seconds=60.0)
    at = utc_now()
    longest = Worker("w", "1", rules, clock=lambda: at, random=lambda: 1.0)
    waits = [longest.retry_at(failures) - at.timestamp() for failures in (0, 1, 2, 5, 6, 1000)]
    assert waits == pytest.approx([1, 2, 4, 32, 60, 60])
    shortest = Worker("w", "1", rules, clock=lambda: at, random=lambda: 0.0)
    assert shortest.retry_at(3) == at.timestamp()
