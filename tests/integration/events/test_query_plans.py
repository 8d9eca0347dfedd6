"""A page costs what it shows: every filter is served by an index, in the order of numbers."""

import pytest
from sqlalchemy import Connection
from sqlalchemy.dialects import sqlite

from kyros.events.model import EVERYTHING, EventFilter
from kyros.events.store.queries import page_query
from kyros.infra.db import SqliteDatabase

PROJECTS = frozenset({"p_1", "p_2"})


async def plan(database: SqliteDatabase, match: EventFilter, after: int = 500) -> list[str]:
    query = page_query(after, 100, match).compile(
        dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}
    )

    def work(connection: Connection) -> list[str]:
        return [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}")]

    return await database.read(work)


@pytest.mark.parametrize(
    ("match", "indexes"),
    [
        (EVERYTHING, {"INTEGER PRIMARY KEY"}),
        (EventFilter(event="e"), {"ix_events_event"}),
        (EventFilter(actor="a"), {"ix_events_actor"}),
        (EventFilter(task="T-1"), {"ix_events_target", "ix_events_task_id"}),
        (
            EventFilter(target="run_1"),
            {
                "ix_events_target",
                "ix_events_run_id",
                "ix_events_task_id",
                "ix_events_pull_id",
                "ix_events_project_id",
            },
        ),
        (EventFilter(projects=PROJECTS), {"ix_events_project_id"}),
        (EventFilter(task="T-1", projects=PROJECTS), {"ix_events_target", "ix_events_task_id"}),
    ],
)
async def test_each_filter_has_its_index_and_nothing_is_looked_through(
    database: SqliteDatabase, match: EventFilter, indexes: set[str]
) -> None:
    steps = await plan(database, match)
    reading = [step for step in steps if " events" in step]
    assert reading
    for step in reading:
        assert step.startswith("SEARCH"), steps
    for index in indexes:
        assert any(index in step for step in reading), (index, steps)


async def test_a_time_is_found_by_its_index_at_first(database: SqliteDatabase) -> None:
    steps = await plan(database, EventFilter(since="2026"), after=0)
    assert any("ix_events_ts" in step for step in steps)


async def test_a_project_that_is_not_theirs_is_not_looked_for(database: SqliteDatabase) -> None:
    steps = await plan(database, EventFilter(target="p_9", projects=PROJECTS))
    assert not any("ix_events_project_id" in step for step in steps)
