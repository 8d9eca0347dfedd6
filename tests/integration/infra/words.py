"""A table of words, and a writer held back: what the suites of databases share."""

import asyncio
import threading

from sqlalchemy import Connection

from kyros.infra.db import Database, prepared

PATIENCE_SECONDS = 20


def make(connection: Connection) -> None:
    prepared(connection, "CREATE TABLE words (word TEXT PRIMARY KEY)")


def add(connection: Connection, word: str) -> str:
    prepared(connection, "INSERT INTO words VALUES (?)", (word,))
    return word


def every_word(connection: Connection) -> list[str]:
    return list(prepared(connection, "SELECT word FROM words ORDER BY word").scalars())


async def words(database: Database) -> list[str]:
    return await database.read(every_word)


def hold_the_writer(database: Database) -> tuple["asyncio.Future[None]", threading.Event]:
    """Occupy the writing thread, so that what comes next shares a transaction."""
    release, loop = threading.Event(), asyncio.get_running_loop()
    held: asyncio.Future[None] = loop.create_future()

    def wait(_: Connection) -> None:
        loop.call_soon_threadsafe(held.set_result, None)
        release.wait(PATIENCE_SECONDS)

    writing = asyncio.ensure_future(database.write(wait))
    held.add_done_callback(lambda _: writing)  # keeps it
    return held, release
