"""An agent asks, its run is blocked, and a person answers: over the API of a whole Kyros."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.integration.system.house import Kyros, writes
from tests.integration.system.test_main_job import kyros_command

ASK = [{"action": "ask", "kind": "write", "path": "made.txt"}]
PATIENT: dict[str, str] = {}


@pytest.fixture
def project(kyros: Kyros, repo: Path, request: pytest.FixtureRequest) -> str:
    """A project whose agents must ask before they write made.txt."""
    kyros.start(**getattr(request, "param", PATIENT))
    made = kyros.delegate(repo, writes("other.txt"))
    run = kyros.finished(made["run_id"])
    found: str = run["project_id"]
    path = f"/api/projects/{found}/rules"
    etag = kyros.get(path)["etag"]
    answer = kyros.http.put(path, json={"rules": ASK}, headers={"If-Match": etag})
    assert answer.status_code == 200, answer.text
    return found


def blocked(kyros: Kyros, run_id: str, but: str = "") -> dict[str, Any]:
    """The request that a run waits for, another than `but`."""

    def asked() -> dict[str, Any] | None:
        page = kyros.get("/api/approvals", run=run_id, status="pending")["items"]
        is_blocked = kyros.get(f"/api/runs/{run_id}")["status"] == "blocked"
        return page[0] if page and is_blocked and page[0]["id"] != but else None

    found: dict[str, Any] = kyros.wait(asked, 60)
    return found


def approvals_of(kyros: Kyros, run_id: str) -> list[tuple[str, str | None]]:
    """Oldest first."""
    items = kyros.get("/api/approvals", run=run_id)["items"]
    return [(one["state"], one["decided_by"]) for one in reversed(items) if one["subject"] == "made.txt"]


def test_a_run_waits_for_a_person_and_goes_on_with_a_yes(kyros: Kyros, repo: Path, project: str) -> None:
    made = kyros.delegate(repo, writes("made.txt"))
    asked = blocked(kyros, made["run_id"])
    assert (asked["kind"], asked["subject"], asked["path"]) == ("write", "made.txt", "made.txt")
    assert asked["rule"] == "ask: project rule 1 (ask write path made.txt)"
    assert "[Tool Request] fs_write - made.txt" in asked["text"]

    run = kyros.get(f"/api/runs/{made['run_id']}")
    assert f"kyros approve {asked['id']}" in run["explanation"]
    standing = kyros.get(f"/api/collab/tasks/{made['task_id']}")["standing"]
    assert (standing["column"], standing["needs_you"]) == ("in_progress", True)
    assert [one["id"] for one in kyros.get("/api/runs", status="blocked")["items"]] == [made["run_id"]]

    stale = kyros.post(f"/api/approvals/{asked['id']}/approve", **{"If-Match": '"granted-x"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "stale_etag")
    agent = kyros.post("/api/collab/agents", {"name": "bob", "projects": [project]}).json()
    bearer = {"Authorization": f"Bearer {agent['token']}"}
    own = kyros.post(f"/api/approvals/{asked['id']}/approve", **bearer)
    assert own.status_code == 403
    assert kyros.http.get(f"/api/approvals/{asked['id']}", headers=bearer).status_code == 200

    granted = kyros_command(kyros, "approve", asked["id"])
    assert granted.stdout == f"{asked['id']} is granted\n", granted.stderr
    run = kyros.finished(made["run_id"])
    assert (run["status"], run["explanation"]) == ("succeeded", None)
    assert approvals_of(kyros, made["run_id"]) == [("granted", "operator")]
    told = [
        one["event"] for one in kyros.get("/api/collab/events", target=made["run_id"], limit="500")["items"]
    ]
    wanted = ["approval_requested", "run_blocked", "approval_decided", "run_running", "turn_ended"]
    assert [event for event in told[told.index("approval_requested") :] if event in wanted] == wanted


def test_of_two_people_at_once_one_decides_and_a_no_is_told_to_the_agent(
    kyros: Kyros, repo: Path, project: str
) -> None:
    made = kyros.delegate(repo, writes("made.txt"))
    run_id = made["run_id"]
    blocked(kyros, run_id)

    def answer(verb: str) -> httpx2.Response:
        return kyros.post(f"/api/runs/{run_id}/{verb}")

    with ThreadPoolExecutor(2) as people:
        denied, granted = people.map(answer, ("deny", "approve"))
    codes = sorted([denied.status_code, granted.status_code])
    assert codes == [200, 409]
    refused = denied if denied.status_code == 409 else granted
    assert refused.json()["code"] in ("approval_decided", "nothing_pending")
    run = kyros.finished(run_id)
    wanted = ("failed", "agent_failed") if denied.status_code == 200 else ("succeeded", None)
    assert (run["status"], run["reason"]) == wanted
    done, other = ("deny", "approve") if denied.status_code == 200 else ("approve", "deny")
    assert (answer(done).status_code, answer(done).json()["decided_by"]) == (200, "operator")
    assert answer(other).json()["code"] == "nothing_pending"


def test_a_no_ends_the_run_as_the_agent_sees_fit(kyros: Kyros, repo: Path, project: str) -> None:
    made = kyros.delegate(repo, writes("made.txt"))
    asked = blocked(kyros, made["run_id"])
    denied = kyros_command(kyros, "approve", "deny", asked["id"], "--note", "not today")
    assert denied.returncode == 0, denied.stderr
    run = kyros.finished(made["run_id"])
    assert (run["status"], run["reason"]) == ("failed", "agent_failed")
    assert "fs_write - made.txt was denied" in run["explanation"]
    again = kyros.post(f"/api/approvals/{asked['id']}/deny", {"note": "another"})
    assert (again.status_code, again.json()["note"]) == (200, "not today")
    late = kyros.post(f"/api/approvals/{asked['id']}/approve")
    assert (late.status_code, late.json()["decided_by"]) == (409, "operator")


def test_always_makes_a_rule_and_the_next_run_does_not_ask(kyros: Kyros, repo: Path, project: str) -> None:
    made = kyros.delegate(repo, writes("made.txt"))
    asked = blocked(kyros, made["run_id"])
    granted = kyros.post(f"/api/approvals/{asked['id']}/approve", {"scope": "always"}).json()
    assert granted["made_rule"] == "allow write path [m]ade.txt"
    assert kyros.finished(made["run_id"])["status"] == "succeeded"
    rules = kyros.get(f"/api/projects/{project}/rules")["rules"]
    assert [(one["action"], one["path"]) for one in rules] == [("allow", "[m]ade.txt"), ("ask", "made.txt")]
    second = kyros.delegate(repo, writes("made.txt"))
    assert kyros.finished(second["run_id"])["status"] == "succeeded"
    assert approvals_of(kyros, second["run_id"]) == [("granted", "policy")]


@pytest.mark.parametrize("project", [{"KYROS_APPROVAL_SECONDS": "1"}], indirect=True, ids=["patience"])
def test_nobody_answers_and_that_is_a_no(kyros: Kyros, repo: Path, project: str) -> None:
    made = kyros.delegate(repo, writes("made.txt"))
    run = kyros.finished(made["run_id"])
    assert (run["status"], run["reason"]) == ("failed", "agent_failed")
    assert approvals_of(kyros, made["run_id"]) == [("expired", None)]
    (asked,) = kyros.get("/api/approvals", run=made["run_id"])["items"]
    late = kyros.post(f"/api/approvals/{asked['id']}/approve")
    assert (late.status_code, late.json()["code"]) == (409, "approval_over")


def test_a_stop_while_blocked_works_at_once(kyros: Kyros, repo: Path, project: str) -> None:
    made = kyros.delegate(repo, writes("made.txt"))
    asked = blocked(kyros, made["run_id"])
    kyros.post(f"/api/runs/{made['run_id']}/stop")
    assert kyros.finished(made["run_id"])["status"] == "cancelled"
    assert kyros.get(f"/api/approvals/{asked['id']}")["state"] == "withdrawn"
    assert kyros.wait(lambda: not kyros.strays(), 20)


def test_a_killed_worker_leaves_no_request_behind_and_its_successor_asks_anew(
    kyros: Kyros, repo: Path, project: str
) -> None:
    made = kyros.delegate(repo, writes("made.txt"))
    first = blocked(kyros, made["run_id"])
    kyros.child("worker").kill()
    second = blocked(kyros, made["run_id"], but=first["id"])
    assert kyros.get(f"/api/approvals/{first['id']}")["state"] == "withdrawn"
    assert kyros.post(f"/api/approvals/{first['id']}/approve").status_code == 409
    assert kyros.post(f"/api/approvals/{second['id']}/approve").status_code == 200
    assert kyros.finished(made["run_id"])["status"] == "succeeded"
    assert approvals_of(kyros, made["run_id"]) == [("withdrawn", None), ("granted", "operator")]


def test_following_says_what_is_asked_and_how_to_answer(kyros: Kyros, repo: Path, project: str) -> None:
    made = kyros.delegate(repo, writes("made.txt"))
    with ThreadPoolExecutor(1) as person:
        following = person.submit(kyros_command, kyros, "run", "follow", made["run_id"])
        try:
            asked = blocked(kyros, made["run_id"])
            listed = kyros_command(kyros, "approve", "list", "--status", "pending")
            shown = kyros_command(kyros, "approve", "show", asked["id"])
            missing = kyros_command(kyros, "approve", "show", "appr_x")
        finally:
            kyros.post(f"/api/runs/{made['run_id']}/approve")
        followed = following.result()
    assert asked["id"] in listed.stdout, listed.stderr
    assert "ask: project rule 1" in shown.stdout, shown.stderr
    assert missing.returncode == 3
    assert followed.returncode == 0, followed.stderr
    assert "▸ Waiting for you: playbook asks leave to write made.txt: answer with" in followed.stdout
