"""Every route of the server asks what the caller may: none opens to a principal without any right."""

import asyncio
import re
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from kyros.auth.model import Principal, PrincipalKind
from kyros.auth.service import operator
from kyros.drivers.model import ActionKind, Tier
from kyros.entrypoints.bootstrap import House, operator_token
from kyros.entrypoints.server import build_app
from kyros.fleet.model import Approval, ApprovalState, Turn, put_to_a_person
from kyros.kernel.clock import to_text, utc_now
from tests.houses import opened

NOBODY = Principal("nobody-special", None, PrincipalKind.PERSON)
OPEN = {
    ("GET", "/healthz"): "says only that the process answers",
    ("POST", "/api/auth/login"): "how one comes in",
    ("POST", "/api/auth/refresh"): "brings a secret of its own",
    ("POST", "/api/auth/logout"): "brings a secret of its own",
}
"""Need no token at all."""
ANYBODYS = {
    ("GET", "/api/auth/me"): "oneself",
    ("GET", "/api/keys"): "one's own keys",
    ("POST", "/api/auth/password"): "one's own, with the old one",
    ("GET", "/readyz"): "whoever may knock may ask whether somebody is home",
}
"""Need a token and no right."""
HIDDEN = (
    "/api/collab/tasks/{task_id}",
    "/api/collab/agents/{name}",
    "/api/keys/{key_id}",
    "/api/runs/{run_id}",
    "/api/pulls/{ref}",
    "/api/projects/{ref}",
    "/api/approvals/{approval_id}",
)
"""Who may not read it is told that it is not there."""
BODIES: dict[str, Any] = {
    "/api/delegations": {"title": "x", "repo": "/nowhere"},
    "/api/collab/tasks": {"title": "x", "project_id": "app"},
    "/api/collab/leases/acquire": {"resource": "branch:app/x", "ttl_seconds": 60},
    "/api/collab/events": {"event": "noted", "target": "x", "details": {}},
    "/api/collab/tasks/{task_id}/transition": {"to": "claimed"},
    "/api/collab/agents": {"name": "bot", "role": "agent"},
    "/api/collab/agents/{name}/availability": {"available": False},
    "/api/collab/events/human-log": {"filter": {}},
    "/api/auth/people": {"name": "eve", "password": "a long password", "role": "admin"},
    "/api/auth/people/{name}": {"role": "admin"},
    "/api/auth/people/{name}/password": {"password": "a long password"},
    "/api/auth/people/{name}/projects/{project}": {"role": "admin"},
    "/api/auth/password": {"old_password": "an old password", "new_password": "a new password"},
    "/api/keys": {"name": "mine", "role": "viewer", "expires_at": to_text(utc_now() + timedelta(days=1))},
    "/api/projects/{ref}/settings": {"check_command": "true"},
    "/api/budgets/{scope}/{key}": {"tokens": 1},
    "/api/projects/{ref}/rules": {"rules": []},
    "/api/execute": {"prompt": "x", "timeoutMs": 1000},
    "/api/runs/{run_id}/budget": {"tokens": 1},
}


@dataclass
class Site:
    """A server in which there is one of everything; `ids` by the names that paths use."""

    client: httpx2.AsyncClient
    document: dict[str, Any]
    ids: dict[str, str]

    async def __call__(self, method: str, path: str) -> httpx2.Response:
        address = re.sub(r"{(\w+)}", lambda found: quote(self._id(path, found[1]), safe=""), path)
        query = {"wait": "0"} if path.endswith("/tail") else {}
        body = None if method in ("GET", "DELETE") else BODIES.get(path, {})
        return await self.client.request(method, address, json=body, params=query, headers={"If-Match": "*"})

    def _id(self, path: str, name: str) -> str:
        """`{ref}` and `{name}` are of whatever stands before them."""
        before = path.partition(f"/{{{name}}}")[0].rpartition("/")[2]
        return self.ids.get(f"{before} {name}") or self.ids[name]


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with opened(tmp_path / "home") as house:
        credential = operator("kyros_of-nobody")
        house.admission.auth._credentials += (type(credential)(credential.digest, NOBODY),)
        app = build_app(house)
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            client.headers["Authorization"] = f"Bearer {operator_token(house.home)}"
            ids = await _furnished(client, _repository(tmp_path / "webshop"))
            ids["approval_id"] = await _asked(house, ids["run_id"])
            client.headers["Authorization"] = "Bearer kyros_of-nobody"
            yield Site(client, app.openapi(), ids)


def _repository(path: Path) -> Path:
    path.mkdir()
    (path / "README.md").write_text("A board\n")
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    for words in (["init", "-q", "-b", "main"], ["add", "."], [*who, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", "-C", str(path), *words], check=True)
    return path


async def _furnished(client: httpx2.AsyncClient, repository: Path) -> dict[str, str]:
    async def made(path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = await client.post(path, json=body)
        assert answer.status_code in (200, 201), answer.text
        found: dict[str, Any] = answer.json()
        return found

    run = await made("/api/delegations", {"title": "Add a board", "repo": str(repository)})
    task = await made("/api/collab/tasks", {"title": "Add a board", "project_id": "app"})
    lease = await made("/api/collab/leases/acquire", BODIES["/api/collab/leases/acquire"])
    await made("/api/collab/agents", {"name": "bot", "role": "agent"})
    await made("/api/auth/people", {"name": "ada", "password": "a long password", "role": "admin"})
    key = await made("/api/keys", BODIES["/api/keys"])
    return {
        "run_id": run["run_id"],
        "pulls ref": run["pull_id"],
        "projects ref": run["project"],
        "task_id": task["id"],
        "lock_id": lease["lock_id"],
        "key_id": key["key"]["id"],
        "agents name": "bot",
        "people name": "ada",
        "project": "app",
        "kind": "tasks",
        "scope": "agent",
        "profile": "codex",
        "key": "codex",
    }


async def _asked(house: House, run_id: str) -> str:
    """The id of an approval that waits for a person."""
    run, now = await house.runs.get(run_id), to_text(utc_now())
    turn = Turn("turn_1", run_id, "playbook", Tier.TERMINAL, "delegation", now, project_id=run.project_id)
    await house.turns.begin(turn)
    approval = Approval(
        id="appr_1", turn_id=turn.id, run_id=run_id, agent="playbook", state=ApprovalState.PENDING,
        kind=ActionKind.COMMAND, tool="bash", subject="make", text="Run make?", rule="ask: rule 1",
        digest="d" * 64, asked_at=now, project_id=run.project_id, task_id=run.task_id,
    )  # fmt: skip
    await house.approvals.ask(put_to_a_person(approval, 60))
    return approval.id


def routes(document: dict[str, Any]) -> set[tuple[str, str]]:
    return {
        (method.upper(), path)
        for path, calls in document["paths"].items()
        for method in calls
        if method in ("get", "post", "put", "patch", "delete")
    }


async def test_no_route_opens_to_a_principal_without_rights(site: Site) -> None:
    opened = {}
    for method, path in sorted(routes(site.document) - set(OPEN) - set(ANYBODYS)):
        try:
            async with asyncio.timeout(10):
                answer = await site(method, path)
        except TimeoutError:
            opened[method, path] = (200, "a stream that goes on")
            continue
        if not _is_closed(path, answer):
            opened[method, path] = (answer.status_code, answer.text[:200])
    assert opened == {}


@pytest.mark.parametrize("path", HIDDEN)
async def test_what_is_hidden_reads_as_what_is_not_there(site: Site, path: str) -> None:
    method = "DELETE" if path.startswith("/api/keys") else "GET"
    hidden = await site(method, path)
    name = path.partition("{")[2].rstrip("}")
    before = path.partition("/{")[0].rpartition("/")[2]
    known = site.ids.pop(f"{before} {name}", None) or site.ids[name]
    site.ids[name] = "T-999" if known.startswith("T-") else "made-up"
    missing = await site(method, path)
    assert hidden.status_code == missing.status_code == 404
    assert hidden.text.replace(known, "…") == missing.text.replace(site.ids[name], "…")


async def test_no_route_but_the_open_ones_answers_without_a_token(site: Site) -> None:
    del site.client.headers["Authorization"]
    for method, path in sorted(routes(site.document) - set(OPEN)):
        answer = await site(method, path)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), (method, path)


async def test_the_lists_name_only_routes_there_are(site: Site) -> None:
    assert set(OPEN) | set(ANYBODYS) <= routes(site.document)
    assert {*BODIES, *HIDDEN} <= {path for _, path in routes(site.document)}
    assert len(routes(site.document)) > 30


def _is_closed(path: str, answer: httpx2.Response) -> bool:
    """Refused, or a list with nothing in it. Not there is good only for what is hidden on purpose."""
    if answer.status_code == 403 or (answer.status_code == 404 and path.startswith(HIDDEN)):
        return True
    if answer.status_code != 200 or not answer.headers["Content-Type"].startswith("application/json"):
        return False
    found = answer.json()
    return isinstance(found, dict) and found.get("items", found.get("data")) in ([], {})
