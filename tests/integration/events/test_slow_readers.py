"""A reader on the wire that takes nothing: let go of, at nobody else's cost, and back where it was."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest

from kyros.events.model import NewEvent
from kyros.events.store import SqlEventLog
from kyros.events.store.place import PATIENCE_SECONDS as LONGEST
from kyros.events.store.place import LiveFollower
from kyros.infra.db import SqliteDatabase
from tests.integration.events.doors import TAIL, app_over, serving, tail

PATIENCE_SECONDS = 30


@pytest.fixture
def log(database: SqliteDatabase) -> SqlEventLog:
    log = SqlEventLog(database)
    database.listener = lambda topics: log.wake()
    return log


@pytest.fixture
async def client(log: SqlEventLog) -> AsyncIterator[httpx2.AsyncClient]:
    async with serving(app_over(log)) as client:
        yield client


@asynccontextmanager
async def one_who_reads_nothing(client: httpx2.AsyncClient, log: SqlEventLog) -> AsyncIterator[LiveFollower]:
    """Follows all from the start; yields its place in the log."""
    reader, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port, limit=1024)
    try:
        writer.write(f"GET {TAIL}?after=0 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await reader.readuntil(b"id: 0\n\n")
        (place,) = log._live._followers
        yield place
    finally:
        writer.transport.abort()


async def test_one_who_reads_nothing_is_let_go_of_and_resumes(
    client: httpx2.AsyncClient, log: SqlEventLog
) -> None:
    big = NewEvent("e", "ann", "T-1", {"note": "x" * 15_000})
    async with one_who_reads_nothing(client, log) as stuck, tail(client, "?after=0") as take:
        await take(1)
        count = 0
        while stuck.position > count - 500:  # as much as the buffers on the way hold, it seems to read
            await log.append(*[big] * 100)
            count += 100
            assert (await take(100))[-1]["id"] == str(count)
        log._live.seconds += LONGEST + 1
        async with asyncio.timeout(PATIENCE_SECONDS):
            while stuck in log._live._followers:
                await asyncio.sleep(0.05)
        assert stuck.dropped
        await log.append(big)
        still_here, news = await take(2)
        assert ("data" in still_here, news["id"]) == (False, str(count + 1))
    async with tail(client, f"?after={stuck.position}") as take:
        numbers = [int(message["id"]) for message in (await take(11))[1:]]
    assert numbers == list(range(stuck.position + 1, stuck.position + 11))
