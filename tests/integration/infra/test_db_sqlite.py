"""SQLite's own: its pragmas, its files, its ways to be full."""

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from kyros.infra.db import DatabaseFailed, SqliteDatabase
from kyros.infra.db.sqlite import SqliteDialect
from kyros.kernel.errors import DiskFull
from tests.integration.infra.words import add, every_word, make, words


@pytest.fixture
async def database(tmp_path: Path) -> Iterator[SqliteDatabase]:
    database = SqliteDatabase(tmp_path / "kyros.db")
    await database.write(make)
    yield database
    database.close()


async def test_it_syncs_every_commit(database: SqliteDatabase) -> None:
    def pragmas(c: Connection) -> list[object]:
        return [
            c.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]

    assert await database.write(pragmas) == ["wal", 2, 1]


async def test_closing_leaves_no_open_file(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "other.db")
    await database.write(make)
    await asyncio.gather(*(words(database) for _ in range(20)))
    database.close()
    assert [path.name for path in tmp_path.glob("other.db*")] == ["other.db"]


async def test_a_database_that_cannot_be_opened_says_so_each_time(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "missing" / "kyros.db")
    for call in (database.write, database.read, database.write):
        with pytest.raises(DatabaseFailed, match="unable to open"):
            await call(every_word)
    (tmp_path / "missing").mkdir()
    await database.write(make)
    database.close()


@pytest.mark.parametrize("name", ["what?.db", "a#b.db", "100%.db", "a b.db", "ü.db"])
async def test_odd_names_are_only_names(tmp_path: Path, name: str) -> None:
    database = SqliteDatabase(tmp_path / name)
    await database.write(make)
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
    await database.write(make)
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
    assert isinstance(SqliteDialect(tmp_path / "kyros.db").named(caught.value), DatabaseFailed)
