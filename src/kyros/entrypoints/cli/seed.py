"""`kyros seed`: the backlog that Kyros itself began with, for a board to try things on."""

from typing import Annotated

import typer

from kyros.entrypoints.cli.client import Client
from kyros.entrypoints.cli.failures import Refused
from kyros.entrypoints.cli.state import Json, state_of
from kyros.entrypoints.cli.tasks import project_id_of

_DONE_MEANS = (
    "Tests updated",
    "Pre-commit passes (format, lint, types, secrets)",
    "Docs updated",
    "Reviewed by a critic",
    "Events emitted where relevant",
)
_BACKLOG: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("T-100", "Collab API with ETag + SSE", ("backend",)),
    ("T-101", "Console pages (Agents/Tasks/Leases/Events)", ("console",)),
    ("T-102", "Celery runner + safe executor", ("backend",)),
    ("T-103", "Jobs vertical slice (auth→job→variant→accept→export)", ("jobs",)),
    ("T-104", "Playwright flows (Collab + Jobs) + data-testid", ("e2e",)),
    ("T-105", "Docs & Runbooks + ADR template", ("docs",)),
    ("T-200", "Omnichannel hub (WS/Email/API/Slack/Webhook) + audit log", ("omnichannel",)),
    ("T-201", "Remote Control UI tabs (Real-Time/Scheduled/Triggers) + activity feed", ("omnichannel",)),
    ("T-202", "Email Commander + parsing + response loop", ("omnichannel",)),
    ("T-203", "Slack slash commands + deep link to tasks/jobs", ("omnichannel",)),
    ("T-204", "Channel rate limiting + API-key validation middleware", ("omnichannel",)),
)


def add_to(app: typer.Typer) -> None:
    app.command("seed")(seed)


def seed(
    context: typer.Context,
    project: Annotated[str, typer.Option("--project", "-p", help="The project they belong to.")] = "kyros",
    as_json: Json = False,
) -> None:
    """Put the first backlog on the board: T-100 to T-105 and T-200 to T-204. What exists is left alone."""
    state = state_of(context)
    client = state.client()
    project_id = project_id_of(client, project)
    done = [{"id": one[0], "made": _make(client, project_id, *one)} for one in _BACKLOG]
    if as_json:
        state.show_json(done)
        return
    for one in done:
        state.out.print(f"{one['id']} {'made' if one['made'] else 'exists, left alone'}")


def _make(client: Client, project_id: str, task_id: str, title: str, labels: tuple[str, ...]) -> bool:
    """Whether it was made now; False when there is one already."""
    body = {
        "id": task_id,
        "project_id": project_id,
        "title": title,
        "labels": list(labels),
        "checklist": [{"text": text} for text in _DONE_MEANS],
    }
    try:
        client.post("/api/collab/tasks", body)
    except Refused as refusal:
        if refusal.facts.get("code") != "task_exists":
            raise
        return False
    return True
