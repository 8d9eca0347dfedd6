"""Usage and budgets over HTTP and on the command line: nobody sees in sums what they may not read."""

import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from kyros.auth.model import Principal, PrincipalKind, Role
from kyros.auth.service import operator
from kyros.collab.model import Budget
from kyros.drivers.model import Entry, EntryKind, Tier, Usage
from kyros.entrypoints.bootstrap import House, operator_token
from kyros.entrypoints.server import build_app
from kyros.fleet.adapters.recordings import FileShelf
from kyros.fleet.adapters.transcripts import JsonlTranscripts
from kyros.fleet.model import Turn
from kyros.fleet.model.budget import Scope
from kyros.kernel.clock import to_text, utc_now
from tests.houses import opened

MEMBER = Principal("mia", None, PrincipalKind.PERSON, {"prj_mine": Role.VIEWER})


@dataclass
class Site:
    house: House
    client: httpx2.AsyncClient

    async def get(self, path: str, token: str | None = None, **query: Any) -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = await self.client.get(path, params=query, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def worked(self, number: int, project: str | None, **values: Any) -> None:
        turn = Turn(
            f"turn_{number}", f"run_{number}", "codex", Tier.HEADLESS, "delegation", to_text(utc_now()),
            usage=Usage("m", 10, 5), project_id=project, duration_ms=60_000,
        )  # fmt: skip
        turn = replace(turn, **values)
        await self.house.turns.begin(turn)
        await self.house.turns.end(replace(turn, ended_at=turn.started_at))


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with opened(tmp_path / "home") as house:
        credential = operator("kyros_mia")
        house.admission.auth._credentials += (type(credential)(credential.digest, MEMBER),)
        transport = httpx2.ASGITransport(app=build_app(house))
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            client.headers["Authorization"] = f"Bearer {operator_token(house.home)}"
            yield Site(house, client)


async def test_sums_hold_only_what_the_caller_may_read(site: Site) -> None:
    await site.worked(1, "prj_mine")
    await site.worked(2, "prj_theirs", usage=Usage("secret-model", 1_000, 1))
    await site.worked(3, None)
    everything = await site.get("/api/usage", by="project")
    assert [row["key"] for row in everything["items"]] == [None, "prj_mine", "prj_theirs"]
    for by in ("agent", "profile", "project", "task", "model", "tier", "day", "run"):
        mine = await site.get("/api/usage", "kyros_mia", by=by)
        assert [(row["turns"], row["input_tokens"]) for row in mine["items"]] == [(1, 10)]
        assert "theirs" not in repr(mine)
        assert "secret" not in repr(mine)


async def test_two_keys_a_time_and_pages(site: Site) -> None:
    await site.worked(1, "prj_mine")
    await site.worked(2, "prj_mine", agent="claude")
    await site.worked(3, "prj_mine", started_at="2020-01-01T00:00:00.000000Z")
    page = await site.get("/api/usage", by=["day", "agent"], since="2024-01-01T00:00:00Z", limit=1)
    assert [row["subkey"] for row in page["items"]] == ["claude"]
    rest = await site.get(
        "/api/usage", by=["day", "agent"], since="2024-01-01T00:00:00Z", cursor=page["next_cursor"]
    )
    assert [(row["subkey"], row["turns"], row["output_tokens"]) for row in rest["items"]] == [("codex", 1, 5)]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize("query", ["by=nobody", "by=day&by=agent&by=task", "since=yesterday", "limit=0"])
async def test_a_query_that_makes_no_sense_is_refused(site: Site, query: str) -> None:
    assert (await site.client.get(f"/api/usage?{query}")).status_code == 422


async def test_a_project_one_may_not_read_is_as_if_it_were_not_there(site: Site) -> None:
    answer = await site.client.get("/api/usage?project=prj_theirs")
    assert (answer.status_code, answer.json()["code"]) == (404, "project_not_found")


async def test_a_budget_is_set_seen_with_what_is_used_and_taken_away(site: Site) -> None:
    await site.worked(1, "prj_mine")
    put = await site.client.put("/api/budgets/agent/codex", json={"tokens": 100, "minutes": 2.5})
    assert put.status_code == 200, put.text
    used = {"tokens": 15, "usd": 0.0, "minutes": 1.0, "unmeasured_turns": 0}
    assert put.json() == {
        "scope": "agent", "key": "codex", "tokens": 100, "usd": None, "minutes": 2.5, "used": used,
    }  # fmt: skip
    assert (await site.get("/api/budgets"))["items"] == [put.json()]
    await site.client.put("/api/budgets/agent/codex", json={})
    assert (await site.get("/api/budgets"))["items"] == []
    assert (await site.get("/api/budgets/agent/codex"))["tokens"] is None


async def test_members_see_their_projects_budgets_alone_and_set_none(site: Site) -> None:
    for name in ("project/prj_mine", "project/prj_theirs", "day/*", "task/T-1"):
        scope, key = name.split("/")
        await site.house.budgets.set(Scope(scope), key, Budget(usd=1.0), "ada")
    seen = (await site.get("/api/budgets", "kyros_mia"))["items"]
    assert [(one["scope"], one["key"]) for one in seen] == [("project", "prj_mine")]
    headers = {"Authorization": "Bearer kyros_mia"}
    for name, status in (("day/*", 403), ("task/T-1", 403), ("project/prj_theirs", 404)):
        assert (await site.client.get(f"/api/budgets/{name}", headers=headers)).status_code == status
    for name in ("project/prj_mine", "day/*"):
        answer = await site.client.put(f"/api/budgets/{name}", json={"usd": 1.0}, headers=headers)
        assert answer.status_code == 403


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("project/none", "project_not_found"),
        ("agent/nobody", "profile_not_found"),
        ("task/T-999", "task_not_found"),
    ],
)
async def test_what_there_is_not_has_no_budget_but_one_that_is_set_can_go(
    site: Site, name: str, code: str
) -> None:
    path = f"/api/budgets/{name}"
    for answer in (await site.client.put(path, json={"usd": 1.0}), await site.client.get(path)):
        assert (answer.status_code, answer.json()["code"]) == (404, code)
    scope, key = name.split("/")
    await site.house.budgets.set(Scope(scope), key, Budget(usd=1.0), "ada")
    assert (await site.client.put(path, json={})).status_code == 200
    assert await site.house.budgets.all() == {}


async def test_a_projects_budget_is_set_by_its_name_too(site: Site, tmp_path: Path) -> None:
    repository = tmp_path / "app"
    repository.mkdir()
    for words in (
        ["init", "-q", "-b", "main"],
        ["-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-q", "--allow-empty", "-m", "x"],
    ):
        subprocess.run(["git", *words], cwd=repository, check=True)
    project = (await site.house.forge.adopt(str(repository))).project
    put = await site.client.put(f"/api/budgets/project/{project.name}", json={"usd": 1.0})
    assert (put.status_code, put.json()["key"]) == (200, project.id)


@pytest.mark.parametrize("name", ["run/run_1", "turn/turn_1", "day/2026-11-20"])
async def test_turns_runs_and_days_have_one_budget_for_all(site: Site, name: str) -> None:
    answer = await site.client.put(f"/api/budgets/{name}", json={"tokens": 1})
    assert (answer.status_code, answer.json()["code"]) == (422, "budget_refused")


async def test_a_transcript_is_read_page_by_page(site: Site, tmp_path: Path) -> None:
    repository = tmp_path / "app"
    repository.mkdir()
    for words in (["init", "-q", "-b", "main"], ["-c", "user.name=A", "-c", "user.email=a@example.org",
                                                 "commit", "-q", "--allow-empty", "-m", "x"]):  # fmt: skip
        subprocess.run(["git", "-C", str(repository), *words], check=True)
    made = await site.client.post("/api/delegations", json={"title": "x", "repo": str(repository)})
    run_id = made.json()["run_id"]
    transcript = JsonlTranscripts(site.house.home.recordings).open(run_id)
    for number in range(3):
        transcript.note(
            f"turn_{number}", "2026-11-20T12:00:00.000000Z", Entry(EntryKind.MESSAGE, str(number))
        )
    page = await site.get(f"/api/runs/{run_id}/transcript", limit=2)
    assert ([one["text"] for one in page["items"]], page["next_cursor"]) == (["0", "1"], "2")
    rest = await site.get(f"/api/runs/{run_id}/transcript", after=page["next_cursor"])
    assert ([one["seq"] for one in rest["items"]], rest["next_cursor"]) == ([3], None)
    one = await site.get(f"/api/runs/{run_id}/transcript", turn="turn_1")
    assert [entry["text"] for entry in one["items"]] == ["1"]
    await FileShelf(site.house.home.recordings).drop(run_id, "2026-11-21T00:00:00.000000Z")
    for what in ("transcript", "recording", "log"):
        answer = await site.client.get(f"/api/runs/{run_id}/{what}")
        assert (answer.status_code, answer.json()["code"]) == (404, "recording_gone")
        assert answer.json()["gone_since"] == "2026-11-21T00:00:00.000000Z"
