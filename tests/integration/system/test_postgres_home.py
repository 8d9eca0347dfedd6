"""The main job on PostgreSQL: the same house, another database, and its secret kept."""

from pathlib import Path

import psycopg
import pytest

from kyros.infra.db import PostgresPlace
from tests.integration.system.house import Kyros, git, writes
from tests.integration.system.test_main_job import kyros_command, pull_of
from tests.servers import new_postgres

PASSWORD = "hush%2Fhush"
SPOKEN = "hush/hush"


@pytest.fixture
def url(empty_postgres: PostgresPlace) -> str:
    """With a password, though the server asks for none."""
    with_password = empty_postgres.url.set(drivername="postgresql", password=SPOKEN)
    return with_password.render_as_string(hide_password=False)


def test_a_task_becomes_a_merged_pull_request(kyros: Kyros, repo: Path, url: str) -> None:
    kyros.start(KYROS_DATABASE_URL=url)
    made = kyros.delegate(repo, writes("made.txt"))
    run = kyros.finished(made["run_id"])
    assert (run["status"], run["task_status"]) == ("succeeded", "review")
    assert kyros.post(f"/api/pulls/{made['pull_id']}/merge").json()["state"] == "merged"
    assert git(kyros.bare(pull_of(kyros, made)["project_id"]), "show", "main:made.txt") == "written"
    assert kyros.get("/readyz")["ok"]
    assert kyros.stop() == 0
    assert not list(kyros.home.glob("kyros.db*"))
    with psycopg.connect(url) as session:
        assert session.execute("SELECT status FROM runs").fetchall() == [("succeeded",)]
    told = kyros_command(kyros, "doctor", KYROS_DATABASE_URL=url)
    assert "PostgreSQL" in told.stdout
    logs = "".join(path.read_text() for path in kyros.home.glob("logs/*"))
    for said in (logs, told.stdout, told.stderr):
        assert PASSWORD not in said
        assert SPOKEN not in said


def test_it_goes_on_after_the_server_was_away(kyros: Kyros, repo: Path) -> None:
    with new_postgres() as server:
        with server.running():
            kyros.start(KYROS_DATABASE_URL=server.url)
        away = kyros.http.get("/readyz")
        assert away.status_code == 503
        assert not away.json()["checks"]["migrations"]["ok"]
        assert not away.json()["checks"]["queue"]["ok"]
        assert kyros.http.get("/api/runs").json()["code"] == "database_failed"
        with server.running():
            made = kyros.delegate(repo, writes("made.txt"))
            assert kyros.finished(made["run_id"])["status"] == "succeeded"
            assert kyros.stop() == 0


def test_a_start_without_its_server_says_so(kyros: Kyros) -> None:
    process = kyros.launch("--port", "0", KYROS_DATABASE_URL=f"postgresql://ann:{PASSWORD}@127.0.0.1:1/kyros")
    assert process.stdout is not None
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"listening" not in said
