"""Any database under its promises: durable, one refusal harms nobody, errors in the kernel's words."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from kyros.infra.db import (
    Database,
    DatabaseClosed,
    DatabaseFailed,
    Place,
    PostgresPlace,
    open_database,
    open_engine,
    prepared,
    prepared_many,
    touch,
)
from kyros.kernel.errors import Conflict
from tests.integration.infra.words import PATIENCE_SECONDS, add, every_word, hold_the_writer, make, words


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "sqlite":
        return tmp_path / "kyros.db"
    found: PostgresPlace = request.getfixturevalue("empty_postgres")
    return found


@pytest.fixture
async def database(place: Place) -> Iterator[Database]:
    database = open_database(place)
    await database.write(make)
    yield database
    database.close()


async def test_what_was_written_is_read_and_survives_the_process(database: Database, place: Place) -> None:
    assert await database.write(lambda c: add(c, "one")) == "one"
    assert await words(database) == ["one"]
    database.close()
    again = open_database(place)
    assert await words(again) == ["one"]
    again.close()


async def test_one_refusal_in_a_shared_transaction_harms_nobody(database: Database) -> None:
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


async def test_a_refusal_inside_a_savepoint_can_be_caught_by_the_store(database: Database) -> None:
    await database.write(lambda c: add(c, "one"))

    def add_again(connection: Connection) -> str:
        try:
            with connection.begin_nested():
                return add(connection, "one")
        except IntegrityError:
            return add(connection, "another")

    assert await database.write(add_again) == "another"
    assert await words(database) == ["another", "one"]


async def test_a_cancelled_caller_disturbs_nobody(database: Database) -> None:
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


async def test_many_writers_and_readers_at_once(database: Database) -> None:
    async def one(n: int) -> None:
        await database.write(lambda c: add(c, f"{n:04}"))
        assert f"{n:04}" in await words(database)

    await asyncio.gather(*(one(n) for n in range(300)))
    assert len(await words(database)) == 300


async def test_a_reader_sees_one_state_of_the_database(database: Database) -> None:
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


async def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(DatabaseFailed, match=r"read-?only"):
        await database.read(lambda c: add(c, "no"))
    assert await words(database) == []


async def test_a_failed_read_leaves_its_connection_usable(database: Database) -> None:
    for _ in range(10):
        with pytest.raises(DatabaseFailed, match="missing"):
            await database.read(lambda c: c.exec_driver_sql("SELECT * FROM missing"))
    assert await words(database) == []


async def test_a_refusal_with_rows_unread_harms_no_other_caller(database: Database) -> None:
    """An unread RETURNING keeps its statement open, and SQLite releases no savepoint under it."""

    def refuse(connection: Connection) -> None:
        rows = prepared(connection, "INSERT INTO words VALUES ('a'), ('b') RETURNING word")
        raise ValueError(f"no more than {len(rows.keys())}")

    found = await asyncio.gather(
        database.write(lambda c: add(c, "one")),
        database.write(refuse),
        database.write(lambda c: add(c, "two")),
        return_exceptions=True,
    )
    assert [type(one) for one in found] == [str, ValueError, str]
    assert await words(database) == ["one", "two"]


# Written SQL


async def test_written_sql_is_the_same_on_every_database(database: Database) -> None:
    def work(connection: Connection) -> list[tuple[object, ...]]:
        prepared_many(connection, "INSERT INTO words VALUES (?)", [("100%",), ("what?",), ("plain",)])
        found = "SELECT word, '?' FROM words WHERE word LIKE '%a%' AND word <> ? ORDER BY word"
        return [tuple(row) for row in prepared(connection, found, ("plain",))]

    assert await database.write(work) == [("what?", "?")]
    assert (
        await database.read(lambda c: prepared(c, "SELECT count(*) FROM words WHERE 7 % 4 = 3").scalar()) == 3
    )


async def test_many_rows_of_no_row_are_nothing(database: Database) -> None:
    await database.write(lambda c: prepared_many(c, "INSERT INTO words VALUES (?)", []))
    assert await words(database) == []


# Topics


async def test_topics_are_heard_after_the_commit_and_only_then(database: Database, place: Place) -> None:
    heard: list[tuple[str, list[str]]] = []
    outside = open_engine(place)

    def listen(topics: Iterable[str]) -> None:
        with outside.connect() as connection:
            heard.append((",".join(sorted(topics)), every_word(connection)))

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
    outside.dispose()


# Ends and several processes


async def test_closing_finishes_what_waits_and_refuses_what_comes(database: Database) -> None:
    writes = [asyncio.ensure_future(database.write(lambda c, n=n: add(c, str(n)))) for n in range(50)]
    await asyncio.sleep(0)
    await asyncio.to_thread(database.close)
    assert await asyncio.gather(*writes) == [str(n) for n in range(50)]
    for call in (database.write, database.read):
        with pytest.raises(DatabaseClosed, match="is closed"):
            await call(every_word)
    database.close()


WRITER = """
import asyncio, sys
from pathlib import Path
from kyros.infra.db import open_database, place_of, prepared

async def main():
    database = open_database(place_of(sys.argv[1], Path(sys.argv[2])))
    async def one(n):
        word = f"{sys.argv[3]}-{n:06}"
        await database.write(lambda c: prepared(c, "INSERT INTO words VALUES (?)", (word,)))
        print(n, flush=True)
    for n in range(0, 1_000_000, 8):
        await asyncio.gather(*(one(n + more) for more in range(8)))

asyncio.run(main())
"""


async def test_two_processes_write_and_a_killed_one_loses_nothing_acknowledged(
    database: Database, place: Place
) -> None:
    where = ("", str(place)) if isinstance(place, Path) else (place.url.render_as_string(False), "")
    children = [
        subprocess.Popen([sys.executable, "-c", WRITER, *where, name], stdout=subprocess.PIPE, text=True)
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


async def test_an_error_repeats_no_value_that_came_with_its_statement(database: Database) -> None:
    def ask(connection: Connection) -> None:
        prepared(connection, "SELECT word FROM nowhere WHERE word = ?", ("hunter2",))

    for verb in (database.read, database.write):
        with pytest.raises(DatabaseFailed) as failed:
            await verb(ask)
        assert "nowhere" in str(failed.value.__cause__)
        assert "hunter2" not in f"{failed.value} {failed.value.__cause__}"
