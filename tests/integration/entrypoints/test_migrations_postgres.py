"""Migrations on PostgreSQL: all or nothing, one at a time, and text that sorts as on SQLite."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg
import pytest
from sqlalchemy import make_url

from kyros.entrypoints.migrate import current_revision, newest_revision, upgrade
from kyros.infra.db import DatabaseFailed, PostgresPlace, open_engine
from kyros.infra.db.migrating import migrating

TABLES = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"


@pytest.fixture
def english(postgres_url: str) -> Iterator[PostgresPlace]:
    """A database that sorts as an English dictionary does."""
    with psycopg.connect(postgres_url, autocommit=True) as session:
        session.execute(
            "CREATE DATABASE english TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C'"
        )
        yield PostgresPlace(make_url(postgres_url).set(drivername="postgresql+psycopg", database="english"))
        session.execute("DROP DATABASE english WITH (FORCE)")


def test_of_several_that_start_at_once_one_migrates_and_the_others_wait(
    empty_postgres: PostgresPlace,
) -> None:
    with ThreadPoolExecutor(4) as starts:
        assert list(starts.map(upgrade, [empty_postgres] * 4)) == [None] * 4
    assert current_revision(empty_postgres) == newest_revision()


def test_a_migration_that_fails_leaves_nothing_behind(empty_postgres: PostgresPlace) -> None:
    with pytest.raises(DatabaseFailed, match="nowhere"), migrating(empty_postgres) as connection:  # noqa: PT012
        connection.exec_driver_sql("CREATE TABLE half_made (id INTEGER)")
        connection.exec_driver_sql("SELECT * FROM nowhere")
    engine = open_engine(empty_postgres)
    with engine.connect() as connection:
        assert connection.exec_driver_sql(TABLES).scalar() == 0
    engine.dispose()


def test_text_sorts_by_bytes_whatever_language_the_server_speaks(english: PostgresPlace) -> None:
    upgrade(english)
    engine = open_engine(english)
    with engine.connect() as connection:
        for name in ("b", "B", "_", "a"):
            connection.exec_driver_sql("INSERT INTO project_checks VALUES (%s, 'make')", (name,))
        found = connection.exec_driver_sql("SELECT project_id FROM project_checks ORDER BY project_id")
        assert list(found.scalars()) == ["B", "_", "a", "b"]
    engine.dispose()


def test_a_server_that_cannot_be_reached_is_named(empty_postgres: PostgresPlace) -> None:
    away = replace(empty_postgres, url=empty_postgres.url.set(port=1))
    for call in (current_revision, upgrade):
        with pytest.raises(DatabaseFailed, match=r"on 127\.0\.0\.1"):
            call(away)
