"""Who in this process wants which topic, each with a bounded queue of its own."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

_LIMIT_BYTES = 4 * 1024 * 1024
_COST_BYTES = 64


class Mailbox:
    """One subscriber's queue, read with `async for`. What does not fit is dropped."""

    def __init__(self) -> None:
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._filled = asyncio.Event()

    def put(self, payload: bytes) -> None:
        size = len(payload) + _COST_BYTES
        if self._waiting and self._size + size > _LIMIT_BYTES:
            return
        self._waiting.append(payload)
        self._size += size
        self._filled.set()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while not self._waiting:
            self._filled.clear()
            await self._filled.wait()
        payload = self._waiting.popleft()
        self._size -= len(payload) + _COST_BYTES
        return payload


class Mailboxes:
    """Mailboxes by exact topic, and by prefix for those that end in `*`."""

    def __init__(self) -> None:
        self._exact: dict[str, set[Mailbox]] = {}
        self._prefixes: dict[str, set[Mailbox]] = {}

    def deliver(self, topic: str, payload: bytes) -> None:
        for mailbox in self._wanting(topic):
            mailbox.put(payload)

    def _wanting(self, topic: str) -> Iterator[Mailbox]:
        yield from self._exact.get(topic, ())
        for prefix, mailboxes in self._prefixes.items():
            if topic.startswith(prefix):
                yield from mailboxes

    @asynccontextmanager
    async def open(self, topic: str) -> AsyncIterator[AsyncIterator[bytes]]:
        where, name = (self._prefixes, topic[:-1]) if topic.endswith("*") else (self._exact, topic)
        mailbox = Mailbox()
        where.setdefault(name, set()).add(mailbox)
        try:
            yield mailbox
        finally:
            where[name].discard(mailbox)
            if not where[name]:
                del where[name]
