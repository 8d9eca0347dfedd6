"""The main job on the embedded default, through API and command line, on real git and real processes."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.integration.system.house import START_SECONDS, Barrier, Kyros, git, repository, writes


def kyros_command(kyros: Kyros, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("KYROS_")}
    return subprocess.run(
        [sys.executable, "-m", "kyros", "--home", str(kyros.home), *arguments],
        env=inherited | environment,
        cwd=kyros.home.parent,
        capture_output=True,
        text=True,
        timeout=90,
    )


def fingerprint(folder: Path) -> dict[str, str]:
    """Every file of a clone, .git included, with its content's digest."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def pull_of(kyros: Kyros, made: dict[str, Any]) -> dict[str, Any]:
    pull: dict[str, Any] = kyros.get(f"/api/pulls/{made['pull_id']}")
    return pull


def test_a_task_becomes_a_merged_pull_request(kyros: Kyros, repo: Path) -> None:
    before = fingerprint(repo)
    kyros.start()
    made = kyros.delegate(
        repo,
        writes("made.txt"),
        title="Make it; `rm -rf /` && $(boom) 🚀",
        constraints="Be brief",
        acceptance_criteria=["It is made", "Nothing else changes"],
    )
    bare = kyros.bare(pull_of(kyros, made)["project_id"])
    task = git(bare, "show", f"{made['branch']}:TASK.md")
    assert task.startswith("# Make it; `rm -rf /` && $(boom) 🚀\n")
    assert "- [ ] It is made\n- [ ] Nothing else changes" in task
    assert "on its way" in task

    run = kyros.finished(made["run_id"])
    assert (run["status"], run["task_status"]) == ("succeeded", "review")
    assert [step["status"] for step in run["steps"]] == ["done"] * 9
    assert all(step["duration_ms"] is not None for step in run["steps"])
    pull = pull_of(kyros, made)
    assert [check["verdict"] for check in pull["checks"]] == ["passed"]
    assert pull["head_sha"] == git(bare, "rev-parse", made["branch"]) == pull["checks"][0]["head_sha"]
    diff = kyros.http.get(f"/api/pulls/{made['pull_id']}/diff").text
    assert diff.strip() == git(bare, "diff", f"main...{made['branch']}")
    turns = kyros.get(f"/api/runs/{made['run_id']}/turns")["items"]
    assert [(one["kind"], one["allowed"]) for one in turns[0]["approvals"]] == [("write", True)]

    merged = kyros.post(f"/api/pulls/{made['pull_id']}/merge").json()
    assert merged["state"] == "merged"
    again = kyros.post(f"/api/pulls/{made['pull_id']}/merge").json()
    assert again["merge_sha"] == merged["merge_sha"]
    assert git(bare, "show", "main:made.txt") == "written"
    assert "TASK.md" not in git(bare, "ls-tree", "--name-only", "main")
    assert git(bare, "branch", "--list", "feature/*") == ""
    assert kyros.get(f"/api/runs/{made['run_id']}")["task_status"] == "done"
    assert fingerprint(repo) == before


def test_a_second_task_starts_from_the_first_ones_merge(kyros: Kyros, repo: Path) -> None:
    kyros.start()
    for number in (1, 2):
        made = kyros.delegate(repo, writes("made.txt", f"{number}\n"))
        assert kyros.finished(made["run_id"])["status"] == "succeeded"
        assert made["pr_number"] == number
        assert kyros.post(f"/api/pulls/{made['pull_id']}/merge").status_code == 200
    bare = kyros.bare(pull_of(kyros, made)["project_id"])
    assert git(bare, "show", "main:made.txt") == "2"
    assert len(kyros.slots()) <= 2


def test_many_runs_at_once_do_not_mix(kyros: Kyros, repo: Path) -> None:
    kyros.start()
    made = [
        kyros.delegate(repo, writes("made.txt") + writes(f"only-{n}.txt", f"{n}\n"), title=f"Task {n}")
        for n in range(6)
    ]
    for number, one in enumerate(made):
        assert kyros.finished(one["run_id"])["status"] == "succeeded"
        bare = kyros.bare(pull_of(kyros, one)["project_id"])
        files = git(bare, "diff", "--name-only", f"main...{one['branch']}").splitlines()
        assert files == ["TASK.md", "made.txt", f"only-{number}.txt"]


def test_red_checks_stand_on_the_pull_request_and_hold_the_merge(kyros: Kyros, repo: Path) -> None:
    kyros.start()
    made = kyros.delegate(repo, writes("other.txt"))
    run = kyros.finished(made["run_id"])
    assert (run["status"], run["reason"], run["task_status"]) == ("failed", "checks_failed", "review")
    assert "test -f made.txt" in run["explanation"]
    refused = kyros.post(f"/api/pulls/{made['pull_id']}/merge")
    assert (refused.status_code, refused.json()["code"]) == (409, "checks_not_green")
    accepted = kyros.post(f"/api/pulls/{made['pull_id']}/merge", {"accept_failed_checks": True})
    assert accepted.json()["state"] == "merged"


def test_only_what_belongs_is_committed(kyros: Kyros, tmp_path: Path) -> None:
    repo = repository(tmp_path / "app", {".gitignore": "build/\n"})
    kyros.start()
    objective = writes("made.txt") + "\n".join(
        writes(path) for path in ("build/out.o", "debug.log", ".env", "__pycache__/a.pyc")
    )
    made = kyros.delegate(repo, objective)
    assert kyros.finished(made["run_id"])["status"] == "succeeded"
    pull = pull_of(kyros, made)
    bare = kyros.bare(pull["project_id"])
    assert git(bare, "diff", "--name-only", f"main...{made['branch']}").splitlines() == [
        "TASK.md",
        "made.txt",
    ]
    assert "`.env`" in pull["body"]
    kept = kyros.home / "worktrees/kept" / made["run_id"] / "1/files/.env"
    assert kept.read_text() == "written\n"


def test_a_secret_is_never_committed(kyros: Kyros, repo: Path) -> None:
    key = "AKIA" + "IOSFODNN7EXAMPLE"
    kyros.start()
    made = kyros.delegate(
        repo, "Do it.\n\n```sh run\nprintf 'key = \"AK%s\"\\n' IAIOSFODNN7EXAMPLE > made.txt\n```\n"
    )
    run = kyros.finished(made["run_id"])
    assert (run["status"], run["reason"]) == ("failed", "secret_found")
    assert "made.txt:1" in run["explanation"]
    assert key not in json.dumps(run) + json.dumps(kyros.get("/api/collab/events", limit="500"))
    bare = kyros.bare(run["project_id"])
    assert git(bare, "log", "--all", "--format=%s", "-S", key) == ""


def test_the_turn_ends_at_its_time_out_and_the_agent_with_it(kyros: Kyros, repo: Path) -> None:
    kyros.start()
    made = kyros.delegate(repo, "```sh run\nsetsid sleep 300 & sleep 300\n```\n", timeout_seconds=2)
    run = kyros.finished(made["run_id"])
    body = pull_of(kyros, made)["body"]
    assert "brought no code" in body
    assert "on its way" not in body
    assert (run["status"], run["reason"], run["task_status"]) == ("timed_out", "agent_timed_out", "blocked")
    assert kyros.strays() == []


def test_a_stopped_run_leaves_nothing_and_can_be_retried(kyros: Kyros, repo: Path) -> None:
    barrier = Barrier(kyros)
    kyros.start(**barrier.environment)
    made = kyros.delegate(repo, writes("made.txt") + barrier.command)
    barrier.reached()
    kyros.post(f"/api/runs/{made['run_id']}/stop")
    kyros.post(f"/api/runs/{made['run_id']}/stop")
    run = kyros.finished(made["run_id"])
    assert (run["status"], run["reason"]) == ("cancelled", "stopped")
    assert kyros.strays() == []
    assert kyros.post(f"/api/runs/{made['run_id']}/retry").json()["status"] == "queued"
    run = kyros.finished(made["run_id"])
    assert (run["status"], run["attempt"]) == ("succeeded", 2)


def test_the_same_idempotency_key_hands_over_once(kyros: Kyros, repo: Path) -> None:
    kyros.start()
    body = {"title": "Once", "objective": writes("made.txt"), "repo": str(repo)}
    first = kyros.post("/api/delegations", body, **{"Idempotency-Key": "k1"})
    again = kyros.post("/api/delegations", body, **{"Idempotency-Key": "k1"})
    other = kyros.post("/api/delegations", body | {"title": "Other"}, **{"Idempotency-Key": "k1"})
    assert (first.status_code, again.json()["run_id"]) == (201, first.json()["run_id"])
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert len(kyros.get("/api/runs")["items"]) == 1


def test_the_command_line_delegates_follows_shows_and_merges(
    kyros: Kyros, repo: Path, tmp_path: Path
) -> None:
    kyros.start()
    objective = tmp_path / "task.md"
    objective.write_text(writes("made.txt"))
    done = kyros_command(
        kyros, "delegate", "Add it", "-f", str(objective), "-r", str(repo), "-c", "There", "--follow"
    )
    assert done.returncode == 0, done.stderr
    assert "Let the agent work" in done.stdout
    assert "Done: 1 file written" in done.stdout
    shown = kyros_command(kyros, "run", "show", "last", "--json")
    assert json.loads(shown.stdout)["status"] == "succeeded"
    assert "+written" in kyros_command(kyros, "pull", "diff", "1").stdout
    merged = kyros_command(kyros, "pull", "merge", "1")
    assert "Merged app#1 into main" in merged.stdout
    assert kyros_command(kyros, "run", "show", "run_nothing").returncode == 3
    assert "playbook" in kyros_command(kyros, "profile", "list").stdout


def test_a_project_by_url_gets_its_merge_pushed_upstream(kyros: Kyros, repo: Path, tmp_path: Path) -> None:
    upstream = tmp_path / "upstream.git"
    git(tmp_path, "clone", "-q", "--bare", str(repo), str(upstream))
    kyros.start()
    made = kyros.delegate(upstream, writes("made.txt"), repo=f"file://{upstream}")
    assert kyros.finished(made["run_id"])["status"] == "succeeded"
    pull = kyros.post(f"/api/pulls/{made['pull_id']}/merge", {"push": True}).json()
    assert git(upstream, "rev-parse", "main") == pull["merge_sha"]


def test_stopping_the_house_keeps_a_run_for_the_next_start(kyros: Kyros, repo: Path) -> None:
    barrier = Barrier(kyros)
    kyros.start(**barrier.environment)
    made = kyros.delegate(repo, writes("made.txt") + barrier.command)
    barrier.reached()
    assert kyros.stop() == 0
    assert kyros.agents() == []
    kyros.start(**barrier.environment)
    assert kyros.finished(made["run_id"])["status"] == "succeeded"


def listens_for_its_end(process: "subprocess.Popen[bytes]") -> bool:
    """Whether it catches SIGTERM by now."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = int(status.split("SigCgt:")[1].split()[0], 16)
    return bool(caught & 1 << signal.SIGTERM - 1)


def test_a_second_worker_helps_and_takes_nothing_from_the_first(kyros: Kyros, repo: Path) -> None:
    kyros.start(KYROS_WORKER_SLOTS="1")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("KYROS_")}
    second = subprocess.Popen(
        [sys.executable, "-m", "kyros", "--home", str(kyros.home), "worker"],
        env=inherited | {"KYROS_LEASE_TTL_SECONDS": "5"},
    )
    try:
        kyros.wait(lambda: listens_for_its_end(second), START_SECONDS)
        slow = writes("made.txt") + "\n```sh run\nsleep 2\n```\n"
        made = [kyros.delegate(repo, slow, title=f"Task {n}") for n in range(2)]
        for one in made:
            run = kyros.finished(one["run_id"])
            assert (run["status"], [step["attempt"] for step in run["steps"]]) == ("succeeded", [1] * 9)
            assert len(kyros.get(f"/api/runs/{one['run_id']}/turns")["items"]) == 1
    finally:
        second.terminate()
        assert second.wait(20) == 0


def test_a_check_that_was_at_fault_is_run_again_on_the_code_there_is(kyros: Kyros, tmp_path: Path) -> None:
    flag = tmp_path / "elsewhere" / "mended"
    flag.parent.mkdir()
    repo = repository(tmp_path / "app", {"kyros.toml": f"[checks]\ncommand = 'test -f {flag}'\n"})
    kyros.start(KYROS_SANDBOX_READABLE=json.dumps([str(flag.parent)]))
    made = kyros.delegate(repo, writes("made.txt"))
    assert kyros.finished(made["run_id"])["reason"] == "checks_failed"
    flag.touch()
    kyros.post(f"/api/runs/{made['run_id']}/retry")
    run = kyros.finished(made["run_id"])
    assert (run["status"], run["attempt"], run["task_status"]) == ("succeeded", 2, "review")
    bare = kyros.bare(run["project_id"])
    assert len(git(bare, "log", "--format=%s", f"main..{run['branch']}").splitlines()) == 2
    assert [check["verdict"] for check in pull_of(kyros, made)["checks"]] == ["passed"]
