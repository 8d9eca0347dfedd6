"""Migrations make the very schema the stores describe, and a home already there is left alone."""

import sqlite3
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import kyros.auth.store
import kyros.collab.store
import kyros.collab.store.files.tables
import kyros.delegation.store
import kyros.engine.adapters.embedded.table
import kyros.events.store
import kyros.fleet.store
import kyros.forge.store
import kyros.infra.answers  # noqa: F401 - imported for the tables they bring
from kyros.collab.model import Kind, TaskQuery
from kyros.collab.store import SqlCollabStore
from kyros.drivers.model import ActionKind
from kyros.entrypoints.migrate import current_revision, migrations_folder, newest_revision, upgrade
from kyros.fleet.model import ApprovalQuery, ApprovalState, digest_of
from kyros.fleet.store import SqlApprovals
from kyros.infra.db import Place, PostgresPlace, SqliteDatabase, metadata, open_engine
from kyros.infra.db.migrating import migrating
from tests.stand_ins import Outbox


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "sqlite":
        return tmp_path / "kyros.db"
    place: PostgresPlace = request.getfixturevalue("empty_postgres")
    return place


def is_ours(name: str | None, kind: str, parents: object) -> bool:
    """SQLite keeps a full-text index in tables of its own."""
    return kind != "table" or not (name or "").startswith("task_search")


@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based index")
def test_the_migrated_schema_is_the_stores_schema(database: Place) -> None:
    upgrade(database)
    engine = open_engine(database)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": is_ours})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_the_newest_revision_is_the_head_of_one_line() -> None:
    script = ScriptDirectory(str(migrations_folder()))
    assert script.get_heads() == [newest_revision()]


def test_the_database_says_where_it_is(database: Place) -> None:
    assert current_revision(database) is None
    upgrade(database)
    assert current_revision(database) == newest_revision()


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


_OLD_TASK = """
INSERT INTO tasks (number, project_id, title, objective, constraints, acceptance_criteria, status, version,
  created_at, updated_at) VALUES (7, 'p', 'Mend the roof', 'It leaks.', '', '["dry"]', 'review', 3, 'a', 'b')
"""


_OLD_TURN = """
INSERT INTO turns (id, run_id, agent, tier, wake_reason, started_at, duration_ms, evidence, note,
  bytes_streamed, tool_calls)
VALUES ('turn_1', 'run_1', 'codex', 'headless', 'delegation', 'a', 5, '', '', 0, '{calls}')
"""
_OLD_RUN = """
INSERT INTO runs (id, task_id, project_id, status, attempt, tries, agent, branch, base, timeout_seconds,
  stop_asked, request_digest, created_at)
VALUES ('run_1', 'T-7', 'p', 'failed', 1, 0, 'codex', 'b', 'main', 1, 0, '', 'a')
"""


def test_turns_from_before_learn_whose_they_are_and_count_their_calls(database: Place) -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()))
    with migrating(database) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        connection.exec_driver_sql(_OLD_RUN)
        connection.exec_driver_sql(_OLD_TURN.format(calls='{"edit": 2, "run": 1}'))
        connection.exec_driver_sql(_OLD_TURN.replace("turn_1", "turn_2").format(calls="{}"))
        connection.exec_driver_sql(_OLD_TURN.replace("turn_1", "turn_3").replace("'{calls}'", "NULL"))
    upgrade(database)
    engine = open_engine(database)
    with engine.connect() as connection:
        found = connection.exec_driver_sql(
            "SELECT id, project_id, task_id, tool_call_count, duration_ms FROM turns ORDER BY id"
        )
        assert [tuple(row) for row in found] == [
            ("turn_1", "p", "T-7", 3, 5), ("turn_2", "p", "T-7", 0, 5), ("turn_3", "p", "T-7", None, 5),
        ]  # fmt: skip
    engine.dispose()


def at_0001(path: Path) -> None:
    """A home of the first release, with one task and a lease that nobody holds any more."""
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()))
    with migrating(path) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.exec_driver_sql(_OLD_TASK)
        connection.exec_driver_sql("INSERT INTO lease_fences VALUES ('task:T-7', 4)")
        connection.exec_driver_sql("INSERT INTO leases VALUES ('task:T-7', 'l', 'run', 4, 'a', 'b', 15)")


async def test_a_home_of_the_first_release_keeps_its_tasks_counts_and_finds_them(tmp_path: Path) -> None:
    at_0001(tmp_path / "kyros.db")
    upgrade(tmp_path / "kyros.db")
    database = SqliteDatabase(tmp_path / "kyros.db")
    store = SqlCollabStore(database, Outbox())
    tasks = await store.read(lambda view: view.tasks(TaskQuery(text="roof")))
    assert [(task.id, task.title, task.version, task.priority) for task in tasks] == [
        ("T-7", "Mend the roof", 3, "normal")
    ]
    revision = await store.read(lambda view: view.revision(Kind.TASKS))
    assert (revision.count, revision.fold, revision.number) == (1, tasks[0].digest, 1)
    assert await store.read(lambda view: view.all_leases()) == []
    assert await store.write(lambda board: board.next_token("task:T-7")) == 5
    database.close()


_OLD_APPROVAL = """
INSERT INTO turns (id, run_id, agent, tier, wake_reason, started_at, evidence, note, bytes_streamed)
VALUES ('turn_1', 'run_1', 'playbook', 'terminal', 'delegation', 'a', '', '', 0);
INSERT INTO approvals (turn_id, at, kind, subject, allowed, rule)
VALUES ('turn_1', '2026-11-20T12:00:00.000000Z', 'command', 'sudo x', 0, 'deny: command');
INSERT INTO approvals (turn_id, at, kind, subject, allowed, rule)
VALUES ('turn_1', '2026-11-20T12:00:01.000000Z', 'write', 'a.py', 1, 'allow: inside')
"""


async def test_approvals_of_the_first_release_are_kept_in_full_and_in_order(tmp_path: Path) -> None:
    at_0001(tmp_path / "kyros.db")
    with sqlite3.connect(tmp_path / "kyros.db") as connection:
        connection.executescript(_OLD_APPROVAL)
    connection.close()
    upgrade(tmp_path / "kyros.db")
    database = SqliteDatabase(tmp_path / "kyros.db")
    newer, older = await SqlApprovals(database, Outbox()).page(ApprovalQuery(run_id="run_1"))
    database.close()
    assert (older.subject, older.state, older.rule, older.decided_by) == (
        "sudo x", ApprovalState.DENIED, "deny: command", "policy",
    )  # fmt: skip
    assert (newer.subject, newer.allowed, newer.turn_id, newer.agent) == ("a.py", True, "turn_1", "playbook")
    assert older.digest == digest_of(ActionKind.COMMAND, "", "sudo x", "")


def test_an_upgrade_that_breaks_off_leaves_the_home_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_0001(tmp_path / "kyros.db")
    with monkeypatch.context() as patched:
        patched.setattr("kyros.collab.store.recount.recount", _break_off)
        with pytest.raises(OSError, match="cut off"):
            upgrade(tmp_path / "kyros.db")
    assert current_revision(tmp_path / "kyros.db") == "0001"
    upgrade(tmp_path / "kyros.db")
    assert current_revision(tmp_path / "kyros.db") == newest_revision()


def _break_off(connection: object) -> None:
    raise OSError("cut off")
