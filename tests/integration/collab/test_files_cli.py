"""`kyros collab`: says and changes where a home keeps its state, with the home's lock and nobody running."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kyros.entrypoints.home import Home
from kyros.entrypoints.migrate import upgrade
from kyros.infra.db import PostgresPlace
from kyros.infra.files import HomeLock


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A home made ready."""
    root = tmp_path / "home"
    root.mkdir()
    upgrade(Home(root).database)
    return root


def kyros(root: Path, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "kyros", "--home", str(root), *words]
    known = {name: value for name, value in os.environ.items() if not name.startswith("KYROS_")}
    return subprocess.run(
        command, capture_output=True, text=True, env=known | environment, timeout=60, check=False
    )


def kept(root: Path, *words: str) -> Any:
    answer = kyros(root, "collab", *words, "--json")
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def test_a_new_home_keeps_files_and_may_move_to_rows_and_back(root: Path) -> None:
    folder = root / "collaboration" / "state"
    assert kept(root, "status") == {
        "store": "files",
        "folder": str(folder),
        "counts": {"tasks": 0, "locks": 0, "agents": 0},
    }
    assert kept(root, "migrate", "--to", "files")["store"] == "files"
    assert (folder / "tasks.json").is_file()
    assert kept(root, "migrate", "--to", "sql")["store"] == "sql"
    assert kept(root, "status")["store"] == "sql"
    assert not (folder / "tasks.json").exists()
    assert kept(root, "migrate", "--to", "files")["store"] == "files"


def test_it_is_refused_while_kyros_runs_and_the_status_is_not(root: Path) -> None:
    lock = HomeLock(root)
    lock.take()
    answer = kyros(root, "collab", "migrate", "--to", "sql")
    assert answer.returncode == 1
    assert "already runs on" in answer.stderr
    assert kept(root, "status")["store"] == "files"
    lock.release()


@pytest.mark.parametrize("words", [("status",), ("migrate", "--to", "sql")])
def test_a_home_that_was_never_started_is_refused_and_not_made(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    answer = kyros(tmp_path / "new", "collab", *words)
    assert answer.returncode == 4
    assert "`kyros up`" in answer.stderr
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_an_answer_that_finds_no_space_is_one_sentence(root: Path, form: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "kyros", "--home", str(root), "collab", "status", *form]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
    assert done.returncode == 1
    assert done.stderr == "kyros: The answer could not be written: no space is left where it goes.\n"


def test_postgres_refuses_files_with_the_reason(root: Path, empty_postgres: PostgresPlace) -> None:
    address = empty_postgres.url.render_as_string(hide_password=False)
    answer = kyros(root, "collab", "migrate", "--to", "files", KYROS_DATABASE_URL=address)
    assert answer.returncode == 4
    assert "several machines" in answer.stderr
    answer = kyros(root, "collab", "status", KYROS_DATABASE_URL=address)
    assert answer.stdout.startswith("rows of the database: 0 tasks")


def test_doctor_says_when_a_home_has_outgrown_its_files(root: Path) -> None:
    with closing(sqlite3.connect(Home(root).database)) as connection:
        many = {"kind": "tasks", "count": 5001}
        columns = [row[1] for row in connection.execute("PRAGMA table_info(collab_state)")]
        row = [many.get(name, 0) for name in columns]
        connection.execute(f"INSERT OR REPLACE INTO collab_state VALUES ({', '.join('?' * len(row))})", row)
        connection.commit()
    findings = json.loads(kyros(root, "doctor", "--json").stdout)
    (state,) = [one for one in findings if one["name"] == "state"]
    assert not state["ok"]
    assert not state["needed"]
    assert "5001 tasks" in state["note"]
    assert "kyros collab migrate --to sql" in state["advice"]
