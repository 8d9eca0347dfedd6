"""PostgreSQL's own: connections that break, servers that go and come, processes that wait for each other."""

import asyncio
import json
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection

from kyros.events.model import EventFilter
from kyros.events.store import SqlEventLog
from kyros.infra.db import (
    Database,
    DatabaseBusy,
    DatabaseFailed,
    DatabaseUnsure,
    DatabaseUrlRefused,
    PostgresPlace,
    open_database,
    place_of,
    prepared,
    touch,
)
from kyros.infra.db.postgres import WRITE_LOCK
from kyros.kernel.errors import Conflict, DiskFull
from tests.integration.infra.words import PATIENCE_SECONDS, add, hold_the_writer, make, words
from tests.servers import new_postgres


@pytest.fixture
async def database(empty_postgres: PostgresPlace) -> AsyncIterator[Database]:
    database = open_database(empty_postgres)
    await database.write(make)
    yield database
    database.close()


@pytest.fixture
def outside(empty_postgres: PostgresPlace) -> Iterator["psycopg.Connection[tuple[object, ...]]"]:
    """A session beside ours."""
    with psycopg.connect(dsn(empty_postgres), autocommit=True) as session:
        yield session


def dsn(place: PostgresPlace) -> str:
    return place.url.set(drivername="postgresql").render_as_string(hide_password=False)


def end_every_session(outside: "psycopg.Connection[tuple[object, ...]]") -> None:
    """As an administrator does, or a network."""
    outside.execute(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.01)


# Connections that break


async def test_a_connection_lost_while_idle_costs_nobody_anything(
    database: Database, outside: "psycopg.Connection[tuple[object, ...]]"
) -> None:
    await database.write(lambda c: add(c, "one"))
    assert await words(database) == ["one"]
    end_every_session(outside)
    await database.write(lambda c: add(c, "two"))
    assert await asyncio.gather(*(words(database) for _ in range(20))) == [["one", "two"]] * 20


async def test_a_connection_lost_amid_a_batch_fails_all_of_it_and_the_next_write_works(
    database: Database, outside: "psycopg.Connection[tuple[object, ...]]"
) -> None:
    held, release = hold_the_writer(database)
    await held
    writes = [asyncio.ensure_future(database.write(lambda c, n=n: add(c, str(n)))) for n in range(3)]

    def cut_off(connection: Connection) -> None:
        end_every_session(outside)
        add(connection, "cut off")

    writes.insert(1, asyncio.ensure_future(database.write(cut_off)))
    await asyncio.sleep(0)
    release.set()
    found = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(one) for one in found] == [DatabaseFailed] * 4
    assert await words(database) == []
    await database.write(lambda c: add(c, "later"))
    assert await words(database) == ["later"]


async def test_a_refusal_stays_a_refusal_when_the_connection_breaks_afterwards(
    database: Database, outside: "psycopg.Connection[tuple[object, ...]]"
) -> None:
    def refuse(_: Connection) -> None:
        raise Conflict("no")

    def cut_off(connection: Connection) -> None:
        end_every_session(outside)
        add(connection, "cut off")

    held, release = hold_the_writer(database)
    await held
    refused = asyncio.ensure_future(database.write(refuse))
    cut = asyncio.ensure_future(database.write(cut_off))
    await asyncio.sleep(0)
    release.set()
    found = await asyncio.gather(refused, cut, return_exceptions=True)
    assert [type(one) for one in found] == [Conflict, DatabaseFailed]


async def test_a_connection_lost_amid_a_read_is_named_and_the_next_read_works(
    database: Database, outside: "psycopg.Connection[tuple[object, ...]]"
) -> None:
    def cut_off(connection: Connection) -> object:
        prepared(connection, "SELECT 1").scalar()
        end_every_session(outside)
        return prepared(connection, "SELECT 1").scalar()

    with pytest.raises(DatabaseFailed):
        await database.read(cut_off)
    assert await words(database) == []


AT_COMMIT = """
CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {what}; RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON words DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN (NEW.word = 'trouble') EXECUTE FUNCTION at_commit()
"""


async def test_a_connection_lost_during_the_commit_leaves_it_open_whether_it_was_done(
    database: Database, outside: "psycopg.Connection[tuple[object, ...]]"
) -> None:
    outside.execute(AT_COMMIT.format(what="PERFORM pg_terminate_backend(pg_backend_pid())"))
    with pytest.raises(DatabaseUnsure, match="Idempotency-Key"):
        await database.write(lambda c: add(c, "trouble"))
    await database.write(lambda c: add(c, "later"))
    assert await words(database) == ["later"]


async def test_a_commit_that_the_server_refuses_is_certain(
    database: Database, outside: "psycopg.Connection[tuple[object, ...]]"
) -> None:
    outside.execute(AT_COMMIT.format(what="RAISE EXCEPTION 'not this one'"))
    with pytest.raises(DatabaseFailed, match="not this one"):
        await database.write(lambda c: add(c, "trouble"))
    await database.write(lambda c: add(c, "later"))
    assert await words(database) == ["later"]


async def test_a_refusal_swallowed_by_the_store_refuses_its_caller_alone(database: Database) -> None:
    def swallow(connection: Connection) -> str:
        add(connection, "half-made")
        try:
            prepared(connection, "SELECT * FROM missing")
        except Exception:  # what a store must not do without a savepoint
            return "fine"
        return "never"

    found = await asyncio.gather(
        database.write(lambda c: add(c, "one")), database.write(swallow), return_exceptions=True
    )
    assert [type(one) for one in found] == [str, DatabaseFailed]
    assert await words(database) == ["one"]


async def test_a_server_that_restarts_is_found_again() -> None:
    with new_postgres() as server:
        with server.running():
            database = open_database(place_of(server.url, Path()))
            await database.write(make)
            await database.write(lambda c: add(c, "before"))
        for call in (database.write, database.read, database.write):
            with pytest.raises(DatabaseFailed):
                await call(lambda c: prepared(c, "SELECT 1").scalar())
        with server.running():
            heard: list[Iterable[str]] = []
            database.listener = heard.append
            await database.write(lambda c: add(c, "after"))
            assert await words(database) == ["after", "before"]
            await until(lambda: listeners(server.url))
            with psycopg.connect(server.url, autocommit=True) as other:
                other.execute("NOTIFY kyros, 'events'")
            await until(lambda: heard)
            database.close()


def listeners(url: str) -> int:
    with psycopg.connect(url) as session:
        found = session.execute("SELECT count(*) FROM pg_stat_activity WHERE query = 'LISTEN kyros'")
        (number,) = found.fetchone() or (0,)
        return int(number)


# The right to write


async def test_who_holds_the_right_to_write_for_too_long_is_reported(
    empty_postgres: PostgresPlace, outside: "psycopg.Connection[tuple[object, ...]]"
) -> None:
    hasty = empty_postgres.url.update_query_dict({"options": "-c lock_timeout=50ms"})
    database = open_database(replace(empty_postgres, url=hasty))
    with outside.transaction():
        outside.execute(f"SELECT pg_advisory_xact_lock({WRITE_LOCK})")
        with pytest.raises(DatabaseBusy, match="nothing was done"):
            await database.write(make)
    await database.write(make)
    database.close()


async def test_a_writer_that_hangs_is_ended_by_the_server(empty_postgres: PostgresPlace) -> None:
    hasty = empty_postgres.url.update_query_dict({"options": "-c idle_in_transaction_session_timeout=50ms"})
    hanging, other = open_database(replace(empty_postgres, url=hasty)), open_database(empty_postgres)
    loop, has_lock, release = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def hang(_: Connection) -> None:
        loop.call_soon_threadsafe(has_lock.set)
        release.wait(PATIENCE_SECONDS)

    hung = asyncio.ensure_future(hanging.write(hang))
    await has_lock.wait()
    await other.write(make)
    release.set()
    with pytest.raises(DatabaseFailed):
        await hung
    await hanging.write(lambda c: add(c, "one"))
    assert await words(other) == ["one"]
    hanging.close()
    other.close()


COUNTING = """
import asyncio, sys
from pathlib import Path
from kyros.infra.db import open_database, place_of, prepared

def more(connection):
    value = prepared(connection, "SELECT value FROM counter").scalar_one()
    prepared(connection, "UPDATE counter SET value = ?", (value + 1,))

async def main():
    database = open_database(place_of(sys.argv[1], Path()))
    for _ in range(25):
        await asyncio.gather(*(database.write(more) for _ in range(8)))
    database.close()

asyncio.run(main())
"""


async def test_rules_that_read_check_and_write_hold_over_processes_without_row_locks(
    database: Database, empty_postgres: PostgresPlace
) -> None:
    await database.write(lambda c: prepared(c, "CREATE TABLE counter AS SELECT 0 AS value"))
    await asyncio.gather(*(ended(COUNTING, dsn(empty_postgres)) for _ in range(4)))
    assert await database.read(lambda c: prepared(c, "SELECT value FROM counter").scalar()) == 4 * 25 * 8


async def ended(script: str, *arguments: str) -> None:
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", script, *arguments)
    assert await child.wait() == 0


APPENDING = """
import asyncio, sys
from pathlib import Path
from kyros.events.model import NewEvent
from kyros.events.store import SqlEventLog
from kyros.infra.db import open_database, place_of

async def main():
    database = open_database(place_of(sys.argv[1], Path()))
    log = SqlEventLog(database)
    for n in range(20):
        event = NewEvent("counted", sys.argv[2], "T-1", {"n": n})
        await asyncio.gather(*(log.append(event) for _ in range(8)))
    database.close()

asyncio.run(main())
"""


async def test_a_reader_at_a_number_never_misses_one_below_it(postgres_place: PostgresPlace) -> None:
    database = open_database(postgres_place)
    log = SqlEventLog(database)
    writers = asyncio.gather(*(ended(APPENDING, dsn(postgres_place), name) for name in "abc"))
    seen: list[int] = []
    while len(seen) < 3 * 20 * 8:
        assert not (writers.done() and writers.exception())
        seen += [event.id for event in await log.page(seen[-1] if seen else 0, 50, EventFilter())]
    await writers
    assert seen == list(range(1, 3 * 20 * 8 + 1))
    database.close()


# Other processes


TOUCHING = """
import asyncio, sys
from pathlib import Path
from kyros.infra.db import open_database, place_of, touch

async def main():
    database = open_database(place_of(sys.argv[1], Path()))
    await database.write(lambda c: [touch(c, topic) for topic in sys.argv[2:]])
    database.close()

asyncio.run(main())
"""


async def test_a_commit_of_another_process_is_heard(
    database: Database, empty_postgres: PostgresPlace
) -> None:
    heard: set[str] = set()
    database.listener = heard.update
    await until(lambda: listeners(dsn(empty_postgres)))
    await ended(TOUCHING, dsn(empty_postgres), "jobs", "it's; odd")
    await until(lambda: heard == {"jobs", "it's; odd"})


async def test_a_commit_of_our_own_is_heard_once(
    database: Database, outside: "psycopg.Connection[tuple[object, ...]]", empty_postgres: PostgresPlace
) -> None:
    heard: list[str] = []
    database.listener = heard.extend
    await until(lambda: listeners(dsn(empty_postgres)))
    await database.write(lambda c: touch(c, "ours"))
    outside.execute("NOTIFY kyros, 'theirs'")
    await until(lambda: "theirs" in heard)
    assert heard == ["ours", "theirs"]


async def test_what_was_committed_while_nobody_listened_is_made_up_for(
    database: Database, outside: "psycopg.Connection[tuple[object, ...]]", empty_postgres: PostgresPlace
) -> None:
    heard: list[str] = []
    database.listener = heard.extend
    await until(lambda: listeners(dsn(empty_postgres)))
    await database.write(lambda c: touch(c, "jobs"))
    outside.execute("NOTIFY kyros, 'events'")
    await until(lambda: heard == ["jobs", "events"])
    end_every_session(outside)
    await until(lambda: sorted(heard) == ["events", "events", "jobs", "jobs"])


# What it says, and keeps to itself


@pytest.mark.parametrize(("code", "kind"), [("53100", DiskFull), ("40P01", DatabaseFailed)])
async def test_what_the_server_refuses_is_named(database: Database, code: str, kind: type[Exception]) -> None:
    raised = f"DO $$ BEGIN RAISE EXCEPTION 'so it is' USING ERRCODE = '{code}'; END $$"
    found = await asyncio.gather(
        database.write(lambda c: add(c, "one")),
        database.write(lambda c: prepared(c, raised)),
        return_exceptions=True,
    )
    assert [type(one) for one in found] == [str, kind]


async def test_text_with_nul_is_kept_without_it(database: Database) -> None:
    await database.write(lambda c: add(c, "binary\x00output"))
    assert await words(database) == ["binary\ufffdoutput"]


async def test_every_commit_is_durable_whatever_the_server_was_told(
    database: Database, empty_postgres: PostgresPlace, outside: "psycopg.Connection[tuple[object, ...]]"
) -> None:
    outside.execute("ALTER ROLE kyros SET synchronous_commit = off")
    try:
        again = open_database(empty_postgres)
        assert await again.write(lambda c: prepared(c, "SHOW synchronous_commit").scalar()) == "on"
        again.close()
    finally:
        outside.execute("ALTER ROLE kyros RESET synchronous_commit")


SECRET = "hush-hush"


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://ann:{SECRET}@host/db",
        f"postgresql://ann:{SECRET}@host:port/db",
        f"ann:{SECRET}",
        f"sqlite:///{SECRET}",
    ],
)
def test_an_address_of_another_kind_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(DatabaseUrlRefused, match="postgresql://USER") as caught:
        place_of(url, Path())
    assert SECRET not in str(caught.value) + json.dumps(dict(caught.value.facts))
    assert caught.value.__cause__ is None


async def test_a_server_that_cannot_be_reached_is_named_without_the_password() -> None:
    place = place_of(f"postgres://ann:{SECRET}@127.0.0.1:1/home", Path())
    assert SECRET not in repr(place) + str(place)
    database = open_database(place)
    for call in (database.write, database.read):
        with pytest.raises(DatabaseFailed, match=r"home on 127\.0\.0\.1") as caught:
            await call(lambda c: None)
        assert SECRET not in str(caught.value)
    database.close()


def test_no_address_is_the_file_in_the_home() -> None:
    assert place_of("", Path("kyros.db")) == Path("kyros.db")


async def test_closing_leaves_no_session(
    database: Database, outside: "psycopg.Connection[tuple[object, ...]]"
) -> None:
    await asyncio.gather(*(words(database) for _ in range(20)))
    database.close()
    left = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await until(lambda: outside.execute(left).fetchone() == (0,))
