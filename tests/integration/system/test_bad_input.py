"""Bad input: one clear sentence, the right code, nothing left half-made."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.integration.system.house import Kyros, git, repository, writes
from tests.integration.system.test_main_job import kyros_command


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kyros]:
    """One house for all that is only refused."""
    kyros = Kyros(tmp_path_factory.mktemp("bad") / "home")
    kyros.start()
    yield kyros
    kyros.stop()
    kyros.close()


def made_so_far(kyros: Kyros) -> tuple[int, int, int]:
    """How many runs, pulls and tasks there are."""
    runs, pulls = kyros.get("/api/runs")["items"], kyros.get("/api/pulls")["items"]
    tasks = kyros.get("/api/collab/events", event="task_created", limit="500")["items"]
    return len(runs), len(pulls), len(tasks)


def empty(folder: Path) -> str:
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    return str(folder)


def plain_folder(folder: Path) -> str:
    folder.mkdir()
    return str(folder)


def with_task_file(folder: Path) -> str:
    return str(repository(folder, {"TASK.md": "mine\n"}))


def with_broken_settings(folder: Path) -> str:
    return str(repository(folder, {"kyros.toml": "[checks]\ncomand = 'x'\n"}))


def ordinary(folder: Path) -> str:
    return str(repository(folder, {"a": "a"}))


Case = tuple[Callable[[Path], str], dict[str, object], str, int, int]
REFUSED: dict[str, Case] = {
    "no such repository": (lambda folder: str(folder), {}, "repository_not_found", 404, 3),
    "a folder that is no repository": (plain_folder, {}, "repository_not_found", 404, 3),
    "an empty repository": (empty, {}, "repository_empty", 422, 4),
    "TASK.md is taken": (with_task_file, {}, "file_exists", 409, 4),
    "a broken kyros.toml": (with_broken_settings, {}, "settings_invalid", 422, 4),
    "an unknown base": (ordinary, {"base": "nope"}, "base_not_found", 404, 3),
    "a base that reads like an option": (ordinary, {"base": "--upload-pack=x"}, "base_not_found", 404, 3),
    "an unknown agent": (ordinary, {"agent": "hal"}, "profile_not_found", 404, 3),
    "an agent that is not installed": (ordinary, {"agent": "kiro"}, "agent_not_installed", 404, 3),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_delegated_is_refused_before_anything_is_made(
    running: Kyros, tmp_path: Path, case: str
) -> None:
    make, more, code, status, exit_code = REFUSED[case]
    source = make(tmp_path / "app")
    body = {"title": "Do it", "repo": source} | more
    before = made_so_far(running)
    answer = running.post("/api/delegations", body)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), problem
    assert problem["detail"].endswith((".", "`"))
    assert made_so_far(running) == before
    options = [word for key, value in more.items() for word in (f"--{key}", str(value))]
    said = kyros_command(running, "delegate", "Do it", "--repo", source, *options)
    assert said.returncode == exit_code
    assert said.stderr.startswith("kyros: ")
    assert len(said.stderr.strip().splitlines()) == 1


def test_a_dirty_clone_is_worked_on_from_its_last_commit_and_said_so(running: Kyros, repo: Path) -> None:
    (repo / "README.md").write_text("uncommitted\n")
    made = running.delegate(repo, writes("made.txt"))
    assert "uncommitted" in made["notes"][0]
    run = running.finished(made["run_id"])
    bare = running.bare(run["project_id"])
    assert git(bare, "show", f"{run['branch']}:README.md") == "hello"
    assert (repo / "README.md").read_text() == "uncommitted\n"


@pytest.mark.parametrize(
    "title", ["🚀" * 150, "x" * 300, "a'; DROP TABLE runs; --", "$(touch /tmp/p) `id` | & ;", "../../etc"]
)
def test_odd_titles_become_plain_branches(running: Kyros, repo: Path, title: str) -> None:
    made = running.delegate(repo, writes("made.txt"), title=title)
    git(repo, "check-ref-format", "--branch", made["branch"])
    assert len(made["branch"]) < 90
    assert running.finished(made["run_id"])["status"] == "succeeded"
    assert running.get(f"/api/pulls/{made['pull_id']}")["title"] == title


def test_a_title_is_one_line_whatever_was_sent(running: Kyros, repo: Path) -> None:
    made = running.delegate(repo, writes("made.txt"), title="one\ntwo\t\u202ethree\x1b[31m")
    assert running.get(f"/api/pulls/{made['pull_id']}")["title"] == "one two three [31m"


def test_a_file_of_the_working_folder_decides_nothing(kyros: Kyros, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("KYROS_HOME=evil\nKYROS_AGENT=evil\n")
    kyros.start()
    assert not (tmp_path / "evil").exists()
    default = [one["name"] for one in kyros.get("/api/profiles")["items"] if one["is_default"]]
    assert default == ["playbook"]


def test_a_bad_setting_is_one_sentence(kyros: Kyros) -> None:
    said = kyros_command(kyros, "run", "list", KYROS_PORT="abc")
    assert said.returncode == 4
    assert said.stderr.startswith("kyros: KYROS_PORT cannot be 'abc'")


def test_the_token_of_this_home_is_not_sent_to_another_server(running: Kyros) -> None:
    said = kyros_command(running, "run", "list", KYROS_URL="http://127.0.0.1:9")
    assert said.returncode == 2
    assert "KYROS_TOKEN" in said.stderr


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"title": "x" * 301, "repo": "/x"}, "title"),
        ({"title": " ", "repo": "/x"}, "title"),
        ({"title": "x", "repo": "/x", "colour": "red"}, "colour"),
        ({"title": "x", "repo": "/x", "acceptance_criteria": "one"}, "acceptance_criteria"),
        ({"title": "x", "repo": "/x", "timeout_seconds": -1}, "timeout_seconds"),
    ],
)
def test_a_bad_field_is_named(running: Kyros, body: dict[str, object], field: str) -> None:
    answer = running.post("/api/delegations", body)
    assert answer.status_code == 422
    assert field in answer.json()["detail"]


def test_neither_repository_nor_project_is_refused(running: Kyros) -> None:
    answer = running.post("/api/delegations", {"title": "x"})
    assert (answer.status_code, answer.json()["code"]) == (422, "project_not_named")


def test_a_path_outside_the_worktree_is_refused_and_nothing_is_written(
    running: Kyros, repo: Path, tmp_path: Path
) -> None:
    made = running.delegate(repo, writes("made.txt") + writes("../../../escaped.txt"))
    run = running.finished(made["run_id"])
    assert (run["status"], run["reason"]) == ("failed", "agent_failed")
    assert "escaped.txt" in run["explanation"]
    assert list(tmp_path.rglob("escaped.txt")) == []
    assert running.get(f"/api/pulls/{made['pull_id']}")["state"] == "open"


def test_an_agent_that_changes_nothing_has_failed(running: Kyros, repo: Path) -> None:
    made = running.delegate(repo, "```sh run\ntrue\n```\n")
    run = running.finished(made["run_id"])
    assert (run["reason"], run["task_status"]) == ("no_changes", "blocked")


def test_without_token_or_with_a_foreign_host_nothing_is_answered(running: Kyros) -> None:
    assert running.http.get("/api/runs", headers={"Authorization": ""}).status_code == 401
    assert running.http.get("/api/runs", headers={"Host": "evil.example"}).status_code == 421
    assert running.http.get("/api/runs", headers={"Origin": "https://evil.example"}).status_code == 403


def test_a_port_in_use_is_refused_at_once(kyros: Kyros) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = kyros_command(kyros, "up", "--port", str(taken.getsockname()[1]))
    assert said.returncode == 1
    assert "--port" in said.stderr


def test_a_second_kyros_on_one_home_is_refused(running: Kyros) -> None:
    said = kyros_command(running, "up", "--port", "0")
    assert said.returncode == 1
    assert "already runs" in said.stderr
    assert running.get("/healthz")["status"] == "ok"


def test_a_home_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    done = subprocess.run(
        [sys.executable, "-m", "kyros", "up", "--home", str(tmp_path / "file" / "home")],
        capture_output=True,
        text=True,
        env=dict(os.environ),
        timeout=60,
    )
    assert done.returncode == 4
    assert "cannot be written" in done.stderr


def test_no_server_is_said_with_exit_code_5(kyros: Kyros, repo: Path) -> None:
    said = kyros_command(kyros, "delegate", "x", "--repo", str(repo))
    assert said.returncode == 5
    assert "kyros up" in said.stderr


def test_git_missing_is_said(kyros: Kyros, repo: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "sh").symlink_to("/bin/sh")
    kyros.start(PATH=str(tmp_path / "bin"))
    answer = kyros.post("/api/delegations", {"title": "x", "repo": str(repo)})
    assert (answer.status_code, answer.json()["code"]) == (502, "git_missing")


def fill(file: Path) -> None:
    """Write until not a byte more fits."""
    with suppress(OSError), file.open("wb", buffering=0) as filler:
        for size in (65536, 512, 1):
            with suppress(OSError):
                while filler.write(b"x" * size):
                    continue


def test_a_full_disk_is_said_and_nothing_acknowledged_is_lost(kyros: Kyros, repo: Path) -> None:
    """The home is a file system of 6 MB that we fill."""
    kyros.home.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(kyros.home)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("SKIPPED LOUDLY: mounting a small file system needs root")
    try:
        kyros.start()
        done = kyros.delegate(repo, writes("made.txt"))
        assert kyros.finished(done["run_id"])["status"] == "succeeded"
        fill(kyros.home / "filler")
        answer = kyros.post("/api/delegations", {"title": "x", "repo": str(repo)})
        assert (answer.status_code, answer.json()["code"]) == (507, "disk_full")
        (kyros.home / "filler").unlink()
        made = kyros.delegate(repo, writes("made.txt"))
        assert kyros.finished(made["run_id"])["status"] == "succeeded"
        assert len(kyros.get("/api/runs")["items"]) == 2
        kyros.stop()
    finally:
        kyros.close()
        subprocess.run(["umount", "-l", str(kyros.home)], check=True)
        kyros.process = None
