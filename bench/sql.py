"""PATCHes on rows: over HTTP beside the same route over an async ORM, and as the board grows.

    .venv/bin/python -m bench sql

Kyros and the references, one that does the same work and one that does less, are each a server process behind
the same gate; the client is another. The group commit stands beside a mutex round one connection. PostgreSQL,
when it is installed, is a figure.
"""

import asyncio
import sqlite3
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import uvloop
from sqlalchemy import Connection

from bench.load import loaded
from bench.rig import ROUNDS, Figures, Row, in_turn, opened, patches, place_in, report, seed
from bench.servers import Served, prepared, serving
from kyros.collab.service.tasks import Tasks
from kyros.collab.store import SqlCollabStore
from kyros.events.store import SqlEventLog
from kyros.infra.db import Database, PostgresPlace, place_of
from kyros.infra.db import prepared as run_sql
from tests.servers import new_postgres

TASKS, CONNECTIONS, CALLERS = 1_000, 32, 64
FEW, MANY = 100, 100_000
SECONDS = 2.0
ORM_MARK, GROWTH_MARK = 5.0, 1.3
_TABLE = "CREATE TABLE bench (id INTEGER PRIMARY KEY, what TEXT)"
_INSERT = "INSERT INTO bench (what) VALUES (?)"


def main(arguments: list[str]) -> int:
    with tempfile.TemporaryDirectory(prefix="kyros-bench-") as folder:
        root = Path(folder)
        for name, count in {"kyros": TASKS, "few": FEW, "many": MANY, "orm": 0, "lesser": 0}.items():
            uvloop.run(_prepare(root / name, count))
        missed = uvloop.run(compare_growth(root))
        missed |= compare_http(root)
        return missed | uvloop.run(compare_commits(place_in(root, "commits")))


# Over HTTP


def compare_http(root: Path) -> int:
    with ExitStack() as stack:
        servers = serve_all(root, stack)
        found = Figures()
        for number in range(ROUNDS + 1):
            for name, (served, count) in servers.items():
                load = loaded(served, "patch", CONNECTIONS, SECONDS, count)
                if number:
                    found.note(name, load.rate)
                    found.note(f"{name} p50", load.median_ms)
                    found.note(f"{name} cpu", load.cpu_ms)
    return report(
        f"HTTP PATCH with If-Match, {CONNECTIONS} connections, a second (median ms)",
        "async ORM",
        [
            Row(
                f"{TASKS} tasks", _shown(found, "kyros"), _shown(found, "orm"),
                found.ratio("kyros", "orm"), least=ORM_MARK,
            ),
            Row(
                "… CPU of the server for each, ms", f"{found.median('kyros cpu'):.2f}",
                f"{found.median('orm cpu'):.2f}", found.ratio("orm cpu", "kyros cpu"),
            ),
            Row(
                "… beside a lesser ORM: 4 columns, no lease, no revision", _shown(found, "kyros"),
                _shown(found, "lesser"), found.ratio("kyros", "lesser"),
            ),
            Row(f"{FEW} tasks", _shown(found, "few")),
            Row(
                f"{MANY:,} tasks, and what one costs beside {FEW}", _shown(found, "many"), "",
                found.ratio("few", "many"), most=GROWTH_MARK,
            ),
            Row(f"PostgreSQL, {TASKS} tasks", _shown(found, "postgres")),
        ],
    )  # fmt: skip


def serve_all(root: Path, stack: ExitStack) -> Mapping[str, tuple[Served, int]]:
    """Each with how many tasks it has."""
    server = stack.enter_context(new_postgres())
    stack.enter_context(server.running())
    place = place_of(server.url, Path())
    assert isinstance(place, PostgresPlace)
    uvloop.run(_prepare(root / "postgres", TASKS, place))
    counts = {"kyros": TASKS, "few": FEW, "many": MANY}
    found = {name: (stack.enter_context(serving(root / name)), count) for name, count in counts.items()}
    for name in ("orm", "lesser"):
        found[name] = stack.enter_context(serving(root / name, "bench.peers", name)), TASKS
    url = {"KYROS_DATABASE_URL": server.url}
    found["postgres"] = stack.enter_context(serving(root / "postgres", environment=url)), TASKS
    return found


async def _prepare(root: Path, count: int, place: PostgresPlace | None = None) -> None:
    async with prepared(root, place) as (_, store):
        await seed(store, count)


def _shown(found: Figures, name: str) -> str:
    return f"{found.median(name):,.0f} ({found.median(f'{name} p50'):.1f})"


# As the board grows


async def compare_growth(root: Path) -> int:
    with opened(root / "few" / "kyros.db") as few, opened(root / "many" / "kyros.db") as many:
        services = {
            name: Tasks(SqlCollabStore(database, SqlEventLog(database)))
            for name, database in (("few", few), ("many", many))
        }
        spread = range(1, MANY, MANY // CONNECTIONS)
        found = await in_turn(
            {
                "few 1": lambda: patches(services["few"], [7], SECONDS),
                "many 1": lambda: patches(services["many"], [MANY // 2 + 7], SECONDS),
                "few 32": lambda: patches(services["few"], range(1, CONNECTIONS + 1), SECONDS),
                "many 32": lambda: patches(services["many"], spread, SECONDS),
            }
        )
    rows = [
        Row(
            f"{callers} at a time", f"{found.median(f'many {callers}'):,.0f}",
            f"{found.median(f'few {callers}'):,.0f}",
            found.ratio(f"few {callers}", f"many {callers}"), most=GROWTH_MARK,
        )
        for callers in ("1", "32")
    ]  # fmt: skip
    return report(f"PATCH without HTTP at {MANY:,} tasks, a second; what one costs", f"{FEW} tasks", rows)


# One writer


async def compare_commits(root: Path) -> int:
    with opened(root / "group.db") as database:
        await database.write(lambda connection: run_sql(connection, _TABLE))
        mutex = Mutex(root / "mutex.db")
        found = await in_turn({"group": lambda: grouped(database), "mutex": mutex.rate})
        mutex.close()
    row = Row(
        f"{CALLERS} callers", f"{found.median('group'):,.0f}", f"{found.median('mutex'):,.0f}",
        found.ratio("group", "mutex"),
    )  # fmt: skip
    return report("A durable row, a second", "a mutex round one connection", [row])


async def grouped(database: Database) -> float:
    end = time.perf_counter() + SECONDS

    def work(connection: Connection) -> None:
        run_sql(connection, _INSERT, ("x" * 100,))

    async def call() -> int:
        done = 0
        while time.perf_counter() < end:
            await database.write(work)
            done += 1
        return done

    return sum(await asyncio.gather(*(call() for _ in range(CALLERS)))) / SECONDS


class Mutex:
    """As many threads, one connection, a transaction for each row."""

    def __init__(self, path: Path) -> None:
        self._turn = threading.Lock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", _TABLE):
            self._connection.execute(statement)

    async def rate(self) -> float:
        return await asyncio.to_thread(self._rate)

    def _rate(self) -> float:
        end = time.perf_counter() + SECONDS
        done = [0] * CALLERS

        def call(number: int) -> None:
            while time.perf_counter() < end:
                with self._turn:
                    self._connection.execute("BEGIN IMMEDIATE")
                    self._connection.execute(_INSERT, ("x" * 100,))
                    self._connection.execute("COMMIT")
                done[number] += 1

        threads = [threading.Thread(target=call, args=(number,)) for number in range(CALLERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(done) / SECONDS

    def close(self) -> None:
        self._connection.close()
