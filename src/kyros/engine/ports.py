"""The engine's two ports: a durable queue and a bus that may forget.

Two adapters fill them: embedded (database + socket under the home) and, later, Celery + Redis.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from kyros.engine.model import Again, NewJob

Handler = Callable[[Mapping[str, Any]], Awaitable[Again | None]]
"""Idempotent: may be called twice for one job. None = finished. An exception = logged, tried again
with growing delay, at most `max_attempts` times."""


class Queue(Protocol):
    """At least once: a job is gone only when its handler said so. Back within the claim's time-out
    plus two seconds when its worker dies."""

    def enqueue_in(self, transaction: Any, job: NewJob) -> None:
        """Inside a store's transaction: the job exists exactly if the state does."""
        ...

    async def enqueue(self, job: NewJob) -> None:
        """Durable when it returns."""
        ...

    async def serve(self, handlers: Mapping[str, Handler], slots: int) -> None:
        """Claim and run jobs, `slots` at a time, until cancelled; what was claimed and not finished
        goes back to the queue at once."""
        ...

    async def depth(self) -> int:
        """Unfinished jobs, claimed or waiting."""
        ...


class Bus(Protocol):
    """Live bytes and nudges between the processes of one installation. Best effort: a subscriber
    that is slow or away misses messages and finds the truth in a store or a file."""

    def publish(self, topic: str, payload: bytes) -> None:
        """Never blocks, never fails."""
        ...

    def subscribe(self, topic: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Messages published after entry, this process's own included. A trailing `*` matches a prefix."""
        ...
