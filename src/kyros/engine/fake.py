"""In-memory twins of both ports: same promises but for durability, for one process and its tests."""

import asyncio
import json
import random as chance
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Self

from kyros.engine.model import Again, NewJob
from kyros.engine.ports import Handler


@dataclass(eq=False)
class _Held:
    """An unfinished job. `again_at` is a nudge that came while it ran."""

    handler: str
    payload: str
    key: str | None
    visible_at: float
    claimed: bool = False
    failures: int = 0
    again_at: float | None = None


class FakeQueue:
    """The Queue port in memory. A transaction is a list of things to do on commit, or None for at once.
    `dead` holds what failed too often, as (handler, payload, last error)."""

    def __init__(
        self,
        max_attempts: int = 5,
        backoff_seconds: float = 1.0,
        *,
        clock: Callable[[], float] = time.monotonic,
        random: Callable[[], float] = chance.random,
    ) -> None:
        self._max_attempts, self._backoff_seconds = max_attempts, backoff_seconds
        self._clock, self._random = clock, random
        self._jobs: list[_Held] = []
        self._bells: set[asyncio.Event] = set()
        self.dead: list[tuple[str, Mapping[str, Any], str]] = []

    def enqueue_in(self, transaction: Any, job: NewJob) -> None:
        if transaction is None:
            self._add(job)
        else:
            transaction.append(lambda: self._add(job))

    async def enqueue(self, job: NewJob) -> None:
        self._add(job)

    async def depth(self) -> int:
        return len(self._jobs)

    async def serve(self, handlers: Mapping[str, Handler], slots: int) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(slots):
                group.create_task(self._work(handlers))

    def wake(self) -> None:
        for bell in self._bells:
            bell.set()

    def _add(self, job: NewJob) -> None:
        at, payload = self._clock() + job.delay_seconds, json.dumps(dict(job.payload))
        twin = next((held for held in self._jobs if job.key is not None and held.key == job.key), None)
        if twin is None:
            self._jobs.append(_Held(job.handler, payload, job.key, at))
        elif twin.claimed:
            twin.again_at = at if twin.again_at is None else min(at, twin.again_at)
        else:
            twin.visible_at = min(at, twin.visible_at)
        self.wake()

    async def _work(self, handlers: Mapping[str, Handler]) -> None:
        bell = asyncio.Event()
        self._bells.add(bell)
        try:
            while True:
                bell.clear()
                job = self._claim(handlers)
                if job is None:
                    await self._pause(bell, handlers)
                else:
                    await self._run(job, handlers[job.handler])
        finally:
            self._bells.discard(bell)

    def _claim(self, handlers: Mapping[str, Handler]) -> _Held | None:
        now = self._clock()
        mine = [held for held in self._waiting(handlers) if held.visible_at <= now]
        job = min(mine, key=lambda held: held.visible_at, default=None)
        if job is not None:
            job.claimed = True
            job.again_at = None if job.again_at is None or job.again_at <= now else job.again_at
        return job

    def _waiting(self, handlers: Mapping[str, Handler]) -> list[_Held]:
        return [held for held in self._jobs if not held.claimed and held.handler in handlers]

    async def _pause(self, bell: asyncio.Event, handlers: Mapping[str, Handler]) -> None:
        start = min((held.visible_at for held in self._waiting(handlers)), default=None)
        seconds = None if start is None else max(0.0, start - self._clock())
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await bell.wait()

    async def _run(self, job: _Held, handler: Handler) -> None:
        try:
            answer = await handler(json.loads(job.payload))
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                job.claimed = False
                self.wake()
                raise
            self._failed(job, RuntimeError("the handler cancelled itself"))
        except Exception as error:
            self._failed(job, error)
        else:
            self._succeeded(job, answer)
        self.wake()

    def _succeeded(self, job: _Held, answer: Again | None) -> None:
        starts = [self._clock() + answer.after_seconds] if answer is not None else []
        starts += [job.again_at] if job.again_at is not None else []
        job.claimed, job.again_at, job.failures = False, None, 0
        if starts:
            job.visible_at = min(starts)
        else:
            self._jobs.remove(job)

    def _failed(self, job: _Held, error: Exception) -> None:
        nudged, job.claimed, job.again_at = job.again_at, False, None
        job.failures += 1
        if job.failures < self._max_attempts:
            retry_at = self._clock() + self._backoff_seconds * 2 ** (job.failures - 1) * self._random()
            job.visible_at = retry_at if nudged is None else min(nudged, retry_at)
        elif nudged is not None:
            job.failures, job.visible_at = 0, nudged
        else:
            self._jobs.remove(job)
            self.dead.append((job.handler, json.loads(job.payload), f"{type(error).__name__}: {error}"))


class FakeBus:
    """The Bus port within one process: every holder of the same FakeBus is a peer."""

    def __init__(self) -> None:
        self._queues: dict[asyncio.Queue[bytes], str] = {}

    def publish(self, topic: str, payload: bytes) -> None:
        for queue, wanted in self._queues.items():
            hit = topic.startswith(wanted[:-1]) if wanted.endswith("*") else topic == wanted
            if hit and not queue.full():
                queue.put_nowait(payload)

    def subscribe(self, topic: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        return self._open(topic)

    @asynccontextmanager
    async def _open(self, topic: str) -> AsyncIterator[AsyncIterator[bytes]]:
        queue: asyncio.Queue[bytes] = asyncio.Queue(maxsize=10_000)
        self._queues[queue] = topic
        try:
            yield _Mailbox(queue)
        finally:
            del self._queues[queue]


class _Mailbox:
    """Waiting for the next may be cut short and begun again."""

    def __init__(self, queue: asyncio.Queue[bytes]) -> None:
        self._queue = queue

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        return await self._queue.get()
