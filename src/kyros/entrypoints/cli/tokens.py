"""`kyros token …`: API keys for programs."""

from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.text import Text

from kyros.entrypoints.cli.failures import Usage
from kyros.entrypoints.cli.show import plain_table
from kyros.entrypoints.cli.state import Json, State, state_of
from kyros.kernel.clock import to_text, utc_now

app = typer.Typer(help="Tokens for programs: what they may, and until when.", no_args_is_help=True)


@app.command("create")
def create_token(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What the program is called; its events bear it.")],
    role: Annotated[
        str | None,
        typer.Option("--role", help="admin, operator, reviewer, viewer or agent, in every project."),
    ] = None,
    projects: Annotated[
        list[str] | None, typer.Option("--project", "-p", help="PROJECT_ID=ROLE, in this one; repeat it.")
    ] = None,
    scopes: Annotated[
        list[str] | None,
        typer.Option("--scope", "-s", help="Keep only this right of the role's; repeat it."),
    ] = None,
    days: Annotated[int, typer.Option("--days", min=1, max=365, help="How long it is good.")] = 90,
    as_json: Json = False,
) -> None:
    """Make a token and print it, this once."""
    state = state_of(context)
    body = {
        "name": name,
        "role": role,
        "projects": dict(_shared(one) for one in projects or []),
        "scopes": scopes or None,
        "expires_at": to_text(utc_now() + timedelta(days=days)),
    }
    made = state.client().post("/api/keys", body)
    if as_json:
        state.show_json(made)
        return
    state.out.print(Text(made["token"]))
    key = made["key"]
    state.err.print(f"{key['name']} ({key['id']}), until {key['expires_at'][:10]}. It is shown this once.")


@app.command("list")
def list_tokens(context: typer.Context, as_json: Json = False) -> None:
    """One's own, an admin sees everybody's; never the secret itself."""
    state = state_of(context)
    found = _all(state)
    if as_json:
        state.show_json(found)
        return
    table = plain_table("id", "name", "begins", "owner", "may", "until", "last used", "")
    for key in found:
        table.add_row(
            key["id"], key["name"], key["prefix"], key["owner"], Text(_may(key)), key["expires_at"][:10],
            (key["last_used_at"] or "never")[:16], "revoked" if key["revoked_at"] else "",
        )  # fmt: skip
    state.out.print(table if found else "No tokens yet: `kyros token create` makes one.")


@app.command("revoke")
def revoke_token(
    context: typer.Context,
    token: Annotated[str, typer.Argument(help="Its id or its name.")],
    as_json: Json = False,
) -> None:
    """End a token at once and for good."""
    state = state_of(context)
    living = [key["id"] for key in _all(state) if key["name"] == token and not key["revoked_at"]]
    found = living[-1] if living else token
    revoked = state.client().delete(f"/api/keys/{quote(found, safe='')}")
    if as_json:
        state.show_json(revoked)
    else:
        state.out.print(f"{revoked['name']} ({revoked['id']}) is revoked.")


def _all(state: State) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = state.client().get("/api/keys", limit=200, cursor=cursor)
        found, cursor = found + page["items"], page["next_cursor"]
    return found


def _shared(text: str) -> tuple[str, str]:
    project, found, role = text.partition("=")
    if not (project and found and role):
        raise Usage(f"{text!r} is no project with a role: write it as PROJECT_ID=ROLE.")
    return project, role


def _may(key: dict[str, Any]) -> str:
    roles = [key["role"]] if key["role"] else []
    roles += [f"{role} in {project}" for project, role in sorted(key["projects"].items())]
    scopes = f" (only {', '.join(key['scopes'])})" if key["scopes"] else ""
    return ", ".join(roles) + scopes
