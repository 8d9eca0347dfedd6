"""What a write costs does not depend on how much there is: few statements, each by an index."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, event

from kyros.collab.model import NewTask, TaskChange, TaskQuery, TaskStatus, Writer
from kyros.collab.ports import Board, CollabStore
from kyros.collab.service.leases import Leases
from kyros.collab.service.tasks import Tasks
from kyros.collab.store import SqlCollabStore
from kyros.events.store import SqlEventLog
from kyros.infra.db import Database, verbs

MANY = 300
Statement = tuple[str, Any]


@pytest.fixture
async def store(any_database: Database) -> CollabStore:
    """With so many tasks that a planner prefers an index."""
    store = SqlCollabStore(any_database, SqlEventLog(any_database))
    tasks = Tasks(store)
    new = NewTask("app", "Greet the owls", "", "", (), labels=("ui",), assignee="ada")
    first = await tasks.create(new, "ada")

    def fill(board: Board) -> None:
        for _ in range(MANY):
            board.add_task(lambda task_id: replace(first, id=task_id, depends_on=("T-1",)))

    await store.write(fill)
    return store


class Noted:
    """A driver's connection and its cursor at once, which notes what it is asked."""

    def __init__(self, real: Any, found: list[Statement]) -> None:
        self._real, self._found = real, found

    def cursor(self) -> "Noted":
        return Noted(self._real.cursor(), self._found)

    def execute(self, statement: str, values: Sequence[Any]) -> None:
        self._found.append((statement, tuple(values)))
        self._real.execute(statement, values)

    def executemany(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        self._found.append((statement, tuple(rows[0])))
        self._real.executemany(statement, rows)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._real)


async def statements_of(database: Any, work: Callable[[], Awaitable[Any]]) -> list[Statement]:
    """Those written ones that go past SQLAlchemy, and those that do not."""
    found: list[Statement] = []
    raw = verbs._raw

    def note(connection: Any, cursor: Any, statement: str, values: Any, context: Any, many: bool) -> None:
        found.append((statement, values))

    event.listen(database._engine, "before_cursor_execute", note)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verbs, "_raw", lambda connection: Noted(raw(connection), found))
        await work()
    event.remove(database._engine, "before_cursor_execute", note)
    return found


async def plans_of(database: Database, statements: Sequence[Statement]) -> list[str]:
    """Of PostgreSQL as if it had the rows that make it prefer an index."""

    def work(connection: Connection) -> list[str]:
        explain = "EXPLAIN QUERY PLAN " if connection.dialect.name == "sqlite" else "EXPLAIN "
        if connection.dialect.name != "sqlite":
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            connection.exec_driver_sql("SET LOCAL enable_indexscan = off")  # bitmaps do: GIN has no others
        return [
            "\n".join(str(row) for row in connection.exec_driver_sql(explain + statement, values))
            for statement, values in statements
        ]

    return await database.write(work)


def scans(plan: str) -> bool:
    return "SCAN" in plan.replace("SCAN CONSTANT ROW", "") or "Seq Scan" in plan


async def test_a_patch_is_a_handful_of_statements_each_by_an_index(
    any_database: Database, store: CollabStore
) -> None:
    tasks = Tasks(store)
    task = await tasks.get("T-7")
    change = TaskChange({"estimate_minutes": 5})

    async def patch() -> None:
        await tasks.patch("T-7", change, Writer("ada"), task.etag)

    statements = await statements_of(any_database, patch)
    assert len(statements) <= 7
    for (statement, _), plan in zip(statements, await plans_of(any_database, statements), strict=True):
        assert not scans(plan), f"{statement}\n{plan}"


async def test_putting_a_task_that_was_read_is_three_statements(
    any_database: Database, store: CollabStore
) -> None:
    def work(board: Board) -> None:
        task = board.task("T-7")
        assert task is not None
        board.put_task(replace(task, status=TaskStatus.CLAIMED, version=task.version + 1))

    assert len(await statements_of(any_database, lambda: store.write(work))) == 3


async def test_words_labels_and_dependencies_are_changed_by_an_index(
    any_database: Database, store: CollabStore
) -> None:
    def work(board: Board) -> None:
        task = board.task("T-7")
        assert task is not None
        fields: dict[str, Any] = {"title": "Other", "labels": ("x", "y"), "depends_on": ("T-2",)}
        board.put_task(replace(task, version=task.version + 1, **fields))
        board.add_task(lambda task_id: replace(task, id=task_id))

    statements = await statements_of(any_database, lambda: store.write(work))
    for (statement, _), plan in zip(statements, await plans_of(any_database, statements), strict=True):
        assert not scans(plan) or "sqlite_sequence" in plan, f"{statement}\n{plan}"


async def test_a_lease_is_taken_kept_and_given_back_by_an_index(
    any_database: Database, store: CollabStore
) -> None:
    leases = Leases(store)

    async def hold() -> None:
        await leases.acquire(["task:T-7", "path:app/src/**"], "ada", 60)
        await leases.heartbeat("ada", ["task:T-7"])
        await leases.release("ada", ["task:T-7"])

    statements = await statements_of(any_database, hold)
    for (statement, _), plan in zip(statements, await plans_of(any_database, statements), strict=True):
        assert not scans(plan) or "lease_waiters" in plan, f"{statement}\n{plan}"


@pytest.mark.parametrize(
    "filters",
    [
        {"status": TaskStatus.REVIEW},
        {"project_id": "docs"},
        {"assignee": "bob"},
        {"label": "bug"},
        {"text": "owls gre"},
        {"before": "T-50"},
    ],
)
async def test_a_page_is_read_by_an_index(
    any_database: Database, store: CollabStore, filters: dict[str, Any]
) -> None:
    query = TaskQuery(**filters, limit=20)
    statements = await statements_of(any_database, lambda: store.read(lambda view: view.tasks(query)))
    (plan,) = await plans_of(any_database, statements)
    assert not scans(plan.replace("SCAN task_search VIRTUAL TABLE INDEX", "")), plan
    assert "text" not in filters or "task_search VIRTUAL" in plan or "ix_task_words_words" in plan


async def test_what_waits_and_what_is_new_is_read_by_an_index(
    any_database: Database, store: SqlCollabStore
) -> None:
    async def read() -> None:
        await store.read(lambda view: view.waiting_for("T-1"))
        await store.read(lambda view: store.tasks_since(view, MANY - 2))

    plans = await plans_of(any_database, await statements_of(any_database, read))
    assert [scans(plan) for plan in plans] == [False, False]
