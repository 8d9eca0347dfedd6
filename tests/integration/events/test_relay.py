"""The copy of the log in its file: behind by a moment, whole after a crash, never another log's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kyros.events.adapters import JsonlArchive, JsonlFile, JsonlLines
from kyros.events.model import EVERYTHING, Event, EventFilter, NewEvent
from kyros.events.service.history import History
from kyros.events.service.relay import Relay
from kyros.events.service.verify import Verdict, verify
from kyros.events.store import SqlEventLog
from kyros.infra.db import SqliteDatabase, metadata, prepared

PATIENCE_SECONDS = 20


class Ground:
    """A log, its file, and the copying between them."""

    def __init__(self, database: SqliteDatabase, folder: Path) -> None:
        self.folder = folder
        self.log = SqlEventLog(database)
        self.database = database

    def relay(self, keep: int = 0, size_bytes: int = 2**26) -> Relay:
        relay = Relay(self.log, JsonlFile(self.folder, size_bytes=size_bytes, chained=True), keep)
        self.database.listener = lambda topics: relay.wake()
        return relay

    @asynccontextmanager
    async def copying(self, keep: int = 0, size_bytes: int = 2**26) -> AsyncIterator[Relay]:
        relay = self.relay(keep, size_bytes)
        running = asyncio.create_task(relay.run())
        try:
            yield relay
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await relay.finish()

    async def copied(self) -> list[Event]:
        return list((await JsonlArchive(self.folder).scan(0, 10**9, 10**9, EVERYTHING)).events)

    async def until_copied(self, last: int) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (found := await self.copied()) or found[-1].id < last:
                await asyncio.sleep(0.02)

    async def audit(self) -> Verdict:
        return await verify(JsonlLines(self.folder), self.log)

    async def report(self, count: int = 1) -> None:
        await self.log.append(*(NewEvent("e", "ann", "T-1", {"n": n}) for n in range(count)))


@pytest.fixture
def ground(database: SqliteDatabase, tmp_path: Path) -> Ground:
    return Ground(database, tmp_path / "events")


async def test_what_was_and_what_comes_is_copied_in_order(ground: Ground) -> None:
    await ground.report(2500)
    async with ground.copying():
        await ground.until_copied(2500)
        await ground.report(3)
        await ground.until_copied(2503)
    assert await ground.copied() == await ground.log.page(0, 9999, EVERYTHING)
    assert (await ground.audit()).fault is None


async def test_a_folder_that_cannot_be_used_is_tried_again(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kyros.events.service.relay._POLL_SECONDS", 0.01)
    ground.folder.write_text("in the way")
    tried = asyncio.Event()
    relay = ground.relay()
    opened = relay._file.open

    async def noted() -> object:
        tried.set()
        return await opened()

    monkeypatch.setattr(relay._file, "open", noted)
    running = asyncio.create_task(relay.run())
    await ground.report(2)
    for _ in range(2):
        await asyncio.wait_for(tried.wait(), PATIENCE_SECONDS)
        tried.clear()
    ground.folder.unlink()
    await ground.until_copied(2)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await relay.finish()


async def test_at_an_orderly_end_nothing_is_left_behind(ground: Ground) -> None:
    async with ground.copying():
        await ground.report()
        await ground.until_copied(1)
        await ground.report(5000)
    assert (await ground.audit()).waiting == 0


async def test_a_file_cut_off_by_a_crash_is_made_whole_and_told_of(ground: Ground) -> None:
    async with ground.copying():
        await ground.report(10)
        await ground.until_copied(10)
    path = ground.folder / "events.jsonl"
    path.write_bytes(path.read_bytes()[:-700])  # the last lines were never synced, the one before is torn
    async with ground.copying():
        await ground.until_copied(11)
    repaired = (await ground.log.page(10, 9, EVERYTHING))[0]
    assert (repaired.event, repaired.actor, repaired.target) == (
        "event_file_repaired",
        "kyros",
        "events.jsonl",
    )
    assert repaired.details["cut_bytes"] > 0  # type: ignore[operator]
    verdict = await ground.audit()
    assert (verdict.fault, verdict.last) == (None, 11)


async def test_a_lost_file_is_written_again(ground: Ground) -> None:
    async with ground.copying():
        await ground.report(10)
        await ground.until_copied(10)
    (ground.folder / "events.jsonl").unlink()
    async with ground.copying():
        await ground.until_copied(10)
    verdict = await ground.audit()
    assert (verdict.fault, verdict.first, verdict.last) == (None, 1, 10)


async def refused(ground: Ground) -> Event:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (found := await ground.log.page(0, 9, EventFilter(event="event_file_refused"))):
            await asyncio.sleep(0.02)
    return found[0]


async def test_the_file_of_another_log_is_left_alone(ground: Ground, tmp_path: Path) -> None:
    async with ground.copying():
        await ground.report(5)
        await ground.until_copied(5)
    theirs = (ground.folder / "events.jsonl").read_bytes()
    other = SqliteDatabase(tmp_path / "other.db")
    metadata.create_all(other._engine)
    try:
        ours = Ground(other, ground.folder)
        await ours.report(7)
        async with ours.copying():
            told = await refused(ours)
    finally:
        other.close()
    assert "belongs to another" in str(told.details["reason"])
    assert (ground.folder / "events.jsonl").read_bytes() == theirs


async def test_a_file_ahead_of_an_older_database_is_left_alone(ground: Ground) -> None:
    async with ground.copying():
        await ground.report(5)
        await ground.until_copied(5)
    theirs = (ground.folder / "events.jsonl").read_bytes()
    await ground.database.write(lambda c: prepared(c, "DELETE FROM events WHERE id > 2").rowcount)
    async with ground.copying():
        await refused(ground)
    assert (ground.folder / "events.jsonl").read_bytes() == theirs


async def test_only_one_of_two_copies_and_the_other_takes_over(ground: Ground) -> None:
    async with ground.copying() as first:
        await ground.report(3)
        await ground.until_copied(3)
        second = JsonlFile(ground.folder, size_bytes=2**26, chained=True)
        with pytest.raises(Exception, match="Another process writes"):
            await second.open()
        await ground.report(2)
        first.wake()
        await ground.until_copied(5)
    assert await second.open() is None
    await second.close()
    assert (await ground.audit()).fault is None


async def test_the_table_forgets_only_what_is_in_the_file(ground: Ground) -> None:
    async with ground.copying(keep=100, size_bytes=20_000):
        await ground.report(3000)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await ground.log.first_id() < 2901:
                await asyncio.sleep(0.02)
    assert await ground.log.first_id() == 2901
    copied = await ground.copied()
    assert [event.id for event in copied] == list(range(1, 3001))
    assert (await ground.audit()).fault is None


async def test_pages_go_on_from_the_file_into_the_table(ground: Ground) -> None:
    await ground.log.append(
        *(NewEvent("e", "bob" if n % 10 == 0 else "ann", "T-1", {}) for n in range(1, 3001))
    )
    async with ground.copying(keep=100, size_bytes=20_000):
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await ground.log.first_id() < 2901:
                await asyncio.sleep(0.02)
    history = History(ground.log, JsonlArchive(ground.folder))
    for match, expected in (
        (EVERYTHING, list(range(1, 3001))),
        (EventFilter(actor="bob"), list(range(10, 3001, 10))),
        (EventFilter(actor="nobody"), []),
    ):
        seen: list[int] = []
        at: int | None = 0
        while at is not None:
            page = await history.page(at, 130, match)
            seen += [event.id for event in page.events]
            at = page.next_after
        assert seen == expected
    page = await history.page(2890, 500, EVERYTHING)
    assert ([event.id for event in page.events], page.next_after) == (list(range(2891, 3001)), None)


async def test_a_table_that_keeps_all_forgets_nothing(ground: Ground) -> None:
    async with ground.copying(keep=0):
        await ground.report(50)
        await ground.until_copied(50)
    assert await ground.log.first_id() == 1
