"""Migrations make the very schema the stores describe, and a home already there is left alone."""

import sqlite3
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import kyros.collab.store
import kyros.delegation.store
import kyros.engine.adapters.embedded.table
import kyros.events.store
import kyros.fleet.store
import kyros.forge.store  # noqa: F401 - imported for the tables they bring
from kyros.entrypoints.migrate import current_revision, migrations_folder, newest_revision, upgrade
from kyros.infra.db import metadata, open_engine


def test_the_migrated_schema_is_the_stores_schema(tmp_path: Path) -> None:
    database = tmp_path / "kyros.db"
    upgrade(database)
    engine = open_engine(database)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_the_newest_revision_is_the_head_of_one_line() -> None:
    script = ScriptDirectory(str(migrations_folder()))
    assert script.get_heads() == [newest_revision()]


def test_a_second_upgrade_changes_nothing(tmp_path: Path) -> None:
    database = tmp_path / "kyros.db"
    assert current_revision(database) is None
    upgrade(database)
    before = database.read_bytes()
    upgrade(database)
    assert (database.read_bytes(), current_revision(database)) == (before, newest_revision())


def test_tables_keep_their_data_when_the_schema_is_asked_for_again(tmp_path: Path) -> None:
    database = tmp_path / "kyros.db"
    upgrade(database)
    with sqlite3.connect(database) as connection:
        connection.execute("INSERT INTO project_checks VALUES ('p', 'make')")
    connection.close()
    upgrade(database)
    with sqlite3.connect(database) as connection:
        assert connection.execute("SELECT command FROM project_checks").fetchall() == [("make",)]
    connection.close()
