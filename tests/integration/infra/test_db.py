"""The database under its promises: durable, one refusal harms nobody, errors in the kernel's words."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from kyros.infra.db import DatabaseClosed, DatabaseFailed, SqliteDatabase, named, touch
from kyros.kernel.errors import Conflict, DiskFull

PATIENCE_SECONDS = 20


@pytest.fixture
async def database(tmp_path: Path) -> Iterator[SqliteDatabase]:
    database = SqliteDatabase(tmp_path / "kyros.db")
    await database.write(lambda c: c.exec_driver_sql("CREATE TABLE words (word TEXT PRIMARY KEY)"))
    yield database
    database.close()


def add(connection: Connection, word: str) -> str:
    connection.exec_driver_sql("INSERT INTO words VALUES (?)", (word,))
    return word


def every_word(connection: Connection) -> list[str]:
    return list(connection.exec_driver_sql("SELECT word FROM words ORDER BY word").scalars())


async def words(database: SqliteDatabase) -> list[str]:
    return await database.read(every_word)


async def test_what_was_written_is_read_and_survives_the_process(database: SqliteDatabase) -> None:
    assert await database.write(lambda c: add(c, "one")) == "one"
    assert await words(database) == ["one"]
    database.close()
    again = SqliteDatabase(database.path)
    assert await words(again) == ["one"]
    again.close()


async def test_it_syncs_every_commit(database: SqliteDatabase) -> None:
    def pragmas(c: Connection) -> list[object]:
        return [
            c.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]

    assert await database.write(pragmas) == ["wal", 2, 1]


async def test_one_refusal_in_a_shared_transaction_harms_nobody(database: SqliteDatabase) -> None:
    def refuse(connection: Connection) -> None:
        add(connection, "half-made")
        raise Conflict("no")

    held, release = hold_the_writer(database)
    await held
    writes = [database.write(lambda c, n=n: add(c, f"w{n}")) for n in range(3)]
    writes[1:1] = [database.write(refuse), database.write(lambda c: add(c, "w0"))]
    answers = asyncio.gather(*writes, return_exceptions=True)
    await asyncio.sleep(0.05)
    release.set()
    first, refused, doubled, *rest = await answers
    assert [first, *rest] == ["w0", "w1", "w2"]
    assert isinstance(refused, Conflict)
    assert isinstance(doubled, DatabaseFailed)
    assert isinstance(doubled.__cause__, IntegrityError)
    assert await words(database) == ["w0", "w1", "w2"]


def hold_the_writer(database: SqliteDatabase) -> tuple["asyncio.Future[None]", threading.Event]:
    """Occupy the writing thread, so that what comes next shares a transaction."""
    release, loop = threading.Event(), asyncio.get_running_loop()
    held: asyncio.Future[None] = loop.create_future()

    def wait(_: Connection) -> None:
        loop.call_soon_threadsafe(held.set_result, None)
        release.wait(PATIENCE_SECONDS)

    writing = asyncio.ensure_future(database.write(wait))
    held.add_done_callback(lambda _: writing)  # keeps it
    return held, release


async def test_a_refusal_inside_can_be_caught_by_the_store(database: SqliteDatabase) -> None:
    await database.write(lambda c: add(c, "one"))

    def add_again(connection: Connection) -> str:
        try:
            return add(connection, "one")
        except IntegrityError:
            return add(connection, "another")

    assert await database.write(add_again) == "another"


async def test_a_cancelled_caller_disturbs_nobody(database: SqliteDatabase) -> None:
    held, release = hold_the_writer(database)
    await held
    cancelled = asyncio.ensure_future(database.write(lambda c: add(c, "cancelled")))
    patient = asyncio.ensure_future(database.write(lambda c: add(c, "patient")))
    await asyncio.sleep(0)
    cancelled.cancel()
    release.set()
    assert await patient == "patient"
    with pytest.raises(asyncio.CancelledError):
        await cancelled


async def test_many_writers_and_readers_at_once(database: SqliteDatabase) -> None:
    async def one(n: int) -> None:
        await database.write(lambda c: add(c, f"{n:04}"))
        assert f"{n:04}" in await words(database)

    await asyncio.gather(*(one(n) for n in range(300)))
    assert len(await words(database)) == 300


async def test_a_reader_sees_one_state_of_the_database(database: SqliteDatabase) -> None:
    loop, between, written = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def twice(connection: Connection) -> tuple[list[str], list[str]]:
        before = every_word(connection)
        loop.call_soon_threadsafe(between.set)
        written.wait(PATIENCE_SECONDS)
        return before, every_word(connection)

    reading = asyncio.ensure_future(database.read(twice))
    await between.wait()
    await database.write(lambda c: add(c, "new"))
    written.set()
    assert await reading == ([], [])
    assert await words(database) == ["new"]


async def test_a_reader_cannot_write(database: SqliteDatabase) -> None:
    with pytest.raises(DatabaseFailed, match="readonly"):
        await database.read(lambda c: add(c, "no"))
    assert await words(database) == []


async def test_a_failed_read_leaves_its_connection_usable(database: SqliteDatabase) -> None:
    for _ in range(10):
        with pytest.raises(DatabaseFailed, match="no such table"):
            await database.read(lambda c: c.exec_driver_sql("SELECT * FROM missing"))
    assert await words(database) == []


# Topics


async def test_topics_are_heard_after_the_commit_and_only_then(database: SqliteDatabase) -> None:
    heard: list[tuple[str, list[str]]] = []

    def listen(topics: object) -> None:
        outside = sqlite3.connect(database.path)
        found = [row[0] for row in outside.execute("SELECT word FROM words")]
        outside.close()
        heard.append((",".join(sorted(topics)), found))  # type: ignore[call-overload]

    def touching(connection: Connection, word: str, *topics: str) -> None:
        add(connection, word)
        for topic in topics:
            touch(connection, topic)

    def refused(connection: Connection) -> None:
        touching(connection, "x", "never")
        raise Conflict("no")

    database.listener = listen
    await database.write(lambda c: touching(c, "one", "jobs", "events", "jobs"))
    with pytest.raises(Conflict):
        await database.write(refused)
    await database.write(lambda c: touching(c, "two"))
    await asyncio.sleep(0)
    assert heard == [("events,jobs", ["one"])]


# Ends and errors


async def test_closing_finishes_what_waits_and_refuses_what_comes(database: SqliteDatabase) -> None:
    writes = [asyncio.ensure_future(database.write(lambda c, n=n: add(c, str(n)))) for n in range(50)]
    await asyncio.sleep(0)
    await asyncio.to_thread(database.close)
    assert await asyncio.gather(*writes) == [str(n) for n in range(50)]
    for call in (database.write, database.read):
        with pytest.raises(DatabaseClosed, match="is closed"):
            await call(every_word)
    database.close()


async def test_closing_leaves_no_open_file(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "other.db")
    await database.write(lambda c: c.exec_driver_sql("CREATE TABLE words (word TEXT)"))
    await asyncio.gather(*(words(database) for _ in range(20)))
    database.close()
    assert [path.name for path in tmp_path.glob("other.db*")] == ["other.db"]


async def test_a_database_that_cannot_be_opened_says_so_each_time(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "missing" / "kyros.db")
    for call in (database.write, database.read, database.write):
        with pytest.raises(DatabaseFailed, match="unable to open"):
            await call(every_word)
    (tmp_path / "missing").mkdir()
    await database.write(lambda c: c.exec_driver_sql("CREATE TABLE words (word TEXT)"))
    database.close()


@pytest.mark.parametrize("name", ["what?.db", "a#b.db", "100%.db", "a b.db", "ü.db"])
async def test_odd_names_are_only_names(tmp_path: Path, name: str) -> None:
    database = SqliteDatabase(tmp_path / name)
    await database.write(lambda c: c.exec_driver_sql("CREATE TABLE words (word TEXT)"))
    database.close()
    assert [path.name for path in tmp_path.iterdir()] == [name]


async def test_a_full_database_takes_back_the_whole_transaction_and_goes_on(database: SqliteDatabase) -> None:
    def fill(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")  # SQLite's own full disk
        add(connection, "x" * 5_000_000)

    with pytest.raises(DiskFull, match="free some space"):
        await database.write(fill)
    await database.write(lambda c: c.exec_driver_sql("PRAGMA max_page_count = 1000000"))
    await database.write(lambda c: add(c, "later"))
    assert await words(database) == ["later"]


async def test_a_full_disk_is_named_and_nothing_acknowledged_is_lost(small_disk: Path) -> None:
    filler = small_disk / "filler"
    filler.write_bytes(bytes(1_000_000))
    database = SqliteDatabase(small_disk / "kyros.db")
    await database.write(lambda c: c.exec_driver_sql("CREATE TABLE words (word TEXT PRIMARY KEY)"))
    kept: list[str] = []

    async def fill() -> None:
        while True:
            kept.append(await database.write(lambda c: add(c, f"{len(kept):06}" + "x" * 20_000)))

    with pytest.raises(DiskFull, match="free some space"):
        await fill()
    assert kept
    assert await words(database) == kept
    filler.unlink()
    kept.append(await database.write(lambda c: add(c, "later")))
    database.close()
    again = SqliteDatabase(small_disk / "kyros.db")
    assert await words(again) == kept
    again.close()


def test_a_column_called_full_is_no_full_disk(tmp_path: Path) -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (full_name TEXT UNIQUE)")
    connection.execute("INSERT INTO t VALUES ('a')")
    with pytest.raises(sqlite3.IntegrityError) as caught:
        connection.execute("INSERT INTO t VALUES ('a')")
    connection.close()
    assert isinstance(named(tmp_path / "kyros.db", caught.value), DatabaseFailed)


WRITER = """
import asyncio, sys
from pathlib import Path
from kyros.infra.db import SqliteDatabase

async def main():
    database = SqliteDatabase(Path(sys.argv[1]))
    async def one(n):
        word = f"{sys.argv[2]}-{n:06}"
        await database.write(lambda c: c.exec_driver_sql("INSERT INTO words VALUES (?)", (word,)))
        print(n, flush=True)
    for n in range(0, 1_000_000, 8):
        await asyncio.gather(*(one(n + more) for more in range(8)))

asyncio.run(main())
"""


async def test_two_processes_write_and_a_killed_one_loses_nothing_acknowledged(
    database: SqliteDatabase,
) -> None:
    children = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(database.path), name], stdout=subprocess.PIPE, text=True
        )
        for name in "ab"
    ]
    acknowledged: set[str] = set()
    for child, name in zip(children, "ab", strict=True):
        assert child.stdout is not None
        lines = [await asyncio.to_thread(child.stdout.readline) for _ in range(100)]
        os.kill(child.pid, signal.SIGKILL)
        lines += child.communicate()[0].splitlines()
        acknowledged |= {f"{name}-{int(said):06}" for said in lines if said.strip().isdigit()}
    assert len(acknowledged) >= 200
    assert acknowledged <= set(await words(database))
    await database.write(lambda c: add(c, "still here"))


async def test_a_refusal_with_rows_unread_harms_no_other_caller(database: SqliteDatabase) -> None:
    """An unread RETURNING keeps its statement open, and SQLite releases no savepoint under it."""

    def refuse(connection: Connection) -> None:
        rows = connection.exec_driver_sql("INSERT INTO notes (text) VALUES ('a'), ('b') RETURNING id")
        raise ValueError(f"no more than {len(rows.keys())}")

    def harmless(connection: Connection) -> None:
        connection.exec_driver_sql("INSERT INTO notes (text) VALUES ('fine')")

    def make(connection: Connection) -> None:
        connection.exec_driver_sql("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)")

    await database.write(make)
    found = await asyncio.gather(
        database.write(harmless), database.write(refuse), database.write(harmless), return_exceptions=True
    )
    assert [type(one) for one in found] == [type(None), ValueError, type(None)]
    kept = await database.read(lambda c: c.exec_driver_sql("SELECT text FROM notes").scalars().all())
    assert kept == ["fine", "fine"]
