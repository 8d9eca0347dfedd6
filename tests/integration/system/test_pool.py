"""Executions and the pool through `kyros up`: answered, timed out, refused, abandoned, lost, stopped."""

import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.integration.system.house import Kyros, writes

PROMPT = "Read TASK.md and implement the feature."
SLOW = "```sh run\ntouch begun; sleep 300\n```\n"


@pytest.fixture
def folder(kyros: Kyros) -> Path:
    """Below the home's shared folder, where executions may be sent."""
    made = kyros.home / "shared" / "docs"
    made.mkdir(parents=True)
    return made


def execute(kyros: Kyros, **more: object) -> Any:
    return kyros.post("/api/execute", {"prompt": PROMPT, "timeoutMs": 60_000} | more)


def begun(kyros: Kyros, folder: Path, **more: object) -> threading.Thread:
    """An execution that works in the folder by now and is waited for elsewhere."""
    (folder / "TASK.md").write_text(SLOW)
    asking = threading.Thread(target=lambda: execute(kyros, cwd=str(folder), **more))
    asking.start()
    kyros.wait((folder / "begun").exists, 60)
    return asking


def events(kyros: Kyros, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = kyros.get("/api/collab/events", event=name)["items"]
    return found


def test_an_execution_answers_and_no_two_share_anything(kyros: Kyros, folder: Path) -> None:
    kyros.start()
    (folder / "TASK.md").write_text("```text file=made.txt\nhi\n```\n")
    done = execute(kyros, cwd=str(folder)).json()
    assert (done["success"], done["timeout"]) == (True, False)
    assert "1 file written" in done["output"]
    assert "\x1b" not in done["output"]
    assert (folder / "made.txt").read_text() == "hi\n"
    refused = [execute(kyros, prompt="Say hello.").json() for _ in range(2)]
    assert [(one["success"], "not a model" in one["output"]) for one in refused] == [(False, True)] * 2
    used = [one for one in events(kyros, "session_ended") if one["details"]["run_id"]]
    assert len({one["target"] for one in used}) == 3
    turned = [one["details"]["turn_id"] for one in events(kyros, "turn_ended")]
    assert turned == [done["turn_id"], *(one["turn_id"] for one in refused)]
    homes = {path.name for path in (kyros.home / "agents").iterdir()}
    assert not homes & {one["target"] for one in used}
    assert len(list((kyros.home / "recordings").glob("exec_*.cast"))) == 3


def test_health_says_who_works_field_for_field(kyros: Kyros, folder: Path) -> None:
    kyros.start(KYROS_POOL_SIZE="0")
    asking = begun(kyros, folder)
    health = kyros.get("/api/pool/health")
    assert set(health) == {"status", "workers", "queued", "uptime"}
    assert (health["status"], health["queued"]) == ("running", 0)
    (worker,) = health["workers"]
    (asked,) = events(kyros, "execution_asked")
    assert {name: worker[name] for name in worker if name != "id"} == {
        "profile": "playbook",
        "busy": True,
        "ready": True,
        "currentTask": asked["target"],
        "idle": 0,
        "restarts": 0,
    }
    kyros.post("/api/runs/stop-all")
    asking.join(30)
    kyros.wait(lambda: kyros.get("/api/pool/health")["workers"] == [], 10)


def test_after_its_time_the_agent_is_stopped_and_it_is_no_success(kyros: Kyros, folder: Path) -> None:
    kyros.start()
    (folder / "TASK.md").write_text(SLOW)
    done = execute(kyros, cwd=str(folder), timeoutMs=3_000).json()
    assert (done["success"], done["timeout"]) == (False, True)
    assert done["turn_id"]
    assert kyros.strays() == []


def test_nobody_free_in_time_is_a_503_and_it_never_runs(kyros: Kyros, folder: Path) -> None:
    kyros.start(KYROS_POOL_MAX="1", KYROS_POOL_SIZE="0")
    asking = begun(kyros, folder)
    late = execute(kyros, prompt="late", queueMs=300)
    assert (late.status_code, late.json()["code"]) == (503, "pool_busy")
    assert int(late.headers["Retry-After"]) > 0
    kyros.post("/api/runs/stop-all")
    asking.join(30)
    assert execute(kyros, prompt="Say hello.").status_code == 200
    assert [one["details"]["state"] for one in events(kyros, "execution_ended")] == [
        "cancelled", "cancelled", "failed",
    ]  # fmt: skip
    assert len(events(kyros, "turn_started")) == 2


def test_whoever_hangs_up_stops_it(kyros: Kyros, folder: Path) -> None:
    kyros.start()
    (folder / "TASK.md").write_text(SLOW)
    body = f'{{"prompt": "{PROMPT}", "cwd": "{folder}"}}'
    token = (kyros.home / "operator.token").read_text().strip()
    with socket.create_connection((kyros.http.base_url.host, kyros.http.base_url.port or 0)) as line:
        line.sendall(
            f"POST /api/execute HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        kyros.wait((folder / "begun").exists, 60)
    kyros.wait(lambda: events(kyros, "execution_ended"), 10)
    assert events(kyros, "execution_ended")[0]["details"]["state"] == "cancelled"
    kyros.wait(lambda: not kyros.strays(), 10)


def test_one_whose_worker_dies_has_failed_and_is_not_run_again(kyros: Kyros, folder: Path) -> None:
    kyros.start()
    (folder / "TASK.md").write_text("```sh run\necho x >> begun; sleep 300\n```\n")
    answers: list[Any] = []
    asking = threading.Thread(target=lambda: answers.append(execute(kyros, cwd=str(folder))))
    asking.start()
    kyros.wait((folder / "begun").exists, 60)
    kyros.child("worker").kill()
    asking.join(60)
    assert (answers[0].status_code, answers[0].json()["success"]) == (200, False)
    kyros.wait(lambda: not kyros.strays(), 20)
    assert (folder / "begun").read_text() == "x\n"
    assert [one["details"]["state"] for one in events(kyros, "execution_ended")] == ["lost"]


@pytest.mark.parametrize("place", ["outside", "dots", "git", "missing", "worktrees"])
def test_no_folder_but_those_of_the_home_is_worked_in(kyros: Kyros, repo: Path, place: str) -> None:
    kyros.start()
    shared = kyros.home / "shared"
    shared.mkdir()
    (shared / "link").symlink_to(repo)
    (kyros.home / "worktrees" / "prj_1").mkdir(parents=True)
    named = {
        "outside": shared / "link",
        "dots": shared / ".." / ".." / repo.name,
        "git": kyros.home / "forge",
        "missing": shared / "nowhere",
        "worktrees": kyros.home / "worktrees" / "prj_1",
    }[place]
    refused = execute(kyros, cwd=str(named))
    assert (refused.status_code, refused.json()["code"]) == (422, "folder_refused")
    assert events(kyros, "execution_asked") == []


def test_stop_all_ends_whatever_works_or_waits(kyros: Kyros, repo: Path, folder: Path) -> None:
    kyros.start()
    made = kyros.delegate(repo, writes("made.txt"))
    assert kyros.finished(made["run_id"])["status"] == "succeeded"
    asking = begun(kyros, folder)
    slow = kyros.delegate(repo, "Wait.\n\n```sh run\ntouch ~/seen; sleep 300\n```\n")
    kyros.wait(lambda: list(kyros.home.glob("agents/*/home/seen")), 60)
    for _ in range(2):
        assert kyros.post("/api/runs/stop-all").status_code == 200
    began = time.monotonic()
    kyros.wait(lambda: kyros.agents() == [], 10)
    assert time.monotonic() - began < 10
    assert kyros.finished(slow["run_id"])["status"] == "cancelled"
    asking.join(10)
    kyros.wait(lambda: kyros.get("/api/pool/health")["workers"] == [], 10)
    assert execute(kyros, prompt="Say hello.").status_code == 200
