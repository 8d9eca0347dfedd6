"""kill -9 at any moment: after a restart one branch, one pull request, one commit, and no leftover."""

from contextlib import suppress
from pathlib import Path

import httpx2
import pytest

from kyros.delegation.model import StepName
from tests.integration.system.house import Barrier, Kyros, git, writes

KILLER = Path(__file__).parent / "killer"
MOMENTS = [f"{moment}:{step.value}" for step in StepName for moment in ("before", "after")]


@pytest.mark.parametrize("moment", MOMENTS)
def test_nothing_is_lost_or_done_twice_when_killed(kyros: Kyros, repo: Path, moment: str) -> None:
    kyros.start(KYROS_KILL_AT=moment, PYTHONPATH=str(KILLER))
    with suppress(httpx2.TransportError):
        kyros.delegate(repo, writes("made.txt"))
    assert kyros.process is not None
    assert kyros.process.wait(30) == -9

    kyros.start()
    [run] = kyros.get("/api/runs")["items"]
    run = kyros.finished(run["id"])

    assert (run["status"], run["task_status"]) == ("succeeded", "review")
    _exactly_once(kyros, run)
    _nothing_left_over(kyros)


def test_an_agent_of_a_killed_worker_is_stopped_and_the_turn_done_again(kyros: Kyros, repo: Path) -> None:
    barrier = Barrier(kyros)
    kyros.start(**barrier.environment)
    made = kyros.delegate(repo, writes("made.txt") + barrier.command)
    barrier.reached()
    kyros.kill()

    kyros.start(**barrier.environment)
    run = kyros.finished(made["run_id"])
    assert run["status"] == "succeeded"
    turn = next(step for step in run["steps"] if step["name"] == "turn")
    assert turn["attempt"] == 2
    _exactly_once(kyros, run)
    _nothing_left_over(kyros)


def test_a_dead_worker_is_replaced_and_its_run_goes_on(kyros: Kyros, repo: Path) -> None:
    barrier = Barrier(kyros)
    kyros.start(**barrier.environment)
    made = kyros.delegate(repo, writes("made.txt") + barrier.command)
    barrier.reached()
    kyros.child("worker").kill()
    assert kyros.finished(made["run_id"])["status"] == "succeeded"
    _nothing_left_over(kyros)


def test_a_dead_server_is_replaced_and_the_run_does_not_notice(kyros: Kyros, repo: Path) -> None:
    kyros.start()
    slow = writes("made.txt") + "\n```sh run\ntouch ~/seen; sleep 2\n```\n"
    made = kyros.delegate(repo, slow)
    kyros.wait(lambda: list(kyros.home.glob("agents/*/home/seen")), 30)
    kyros.child("server").kill()
    kyros.wait(kyros.answers, 30)
    run = kyros.finished(made["run_id"])
    assert run["status"] == "succeeded"
    assert [step["attempt"] for step in run["steps"]] == [1] * 9


def test_children_end_when_the_supervisor_is_killed(kyros: Kyros) -> None:
    kyros.start()
    children = kyros.children()
    assert kyros.process is not None
    kyros.process.kill()
    kyros.process.wait()
    kyros.wait(lambda: not any(child.is_running() and child.status() != "zombie" for child in children), 15)
    kyros.start()
    assert kyros.get("/healthz")["status"] == "ok"


def _exactly_once(kyros: Kyros, run: dict[str, str]) -> None:
    bare = kyros.bare(run["project_id"])
    assert git(bare, "branch", "--list", "feature/*", "--format=%(refname:short)") == run["branch"]
    subjects = git(bare, "log", "--format=%s", f"main..{run['branch']}").splitlines()
    assert subjects == ["feat: Add a feature", f"docs: TASK.md for {run['task_id']}"]
    [pull] = kyros.get("/api/pulls")["items"]
    assert (pull["number"], pull["head"]) == (1, run["branch"])
    assert [check["verdict"] for check in pull["checks"]] == ["passed"]
    assert git(bare, "show", f"{run['branch']}:made.txt") == "written"
    for event in ("branch_opened", "pull_opened", "run_created", "run_succeeded"):
        assert len(kyros.get("/api/collab/events", event=event)["items"]) == 1, event


def _nothing_left_over(kyros: Kyros) -> None:
    kyros.wait(lambda: not kyros.strays(), 10)
    kyros.wait(lambda: all('"run_id": null' in record.read_text() for record in kyros.slots()), 10)
    assert len(kyros.slots()) <= 2
