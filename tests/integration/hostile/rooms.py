"""The real application on a home of its own, in this process: every room wired as the server wires it."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from fastapi import FastAPI

from kyros.entrypoints.bootstrap import House
from kyros.entrypoints.server import build_app
from kyros.events.model import EventFilter
from kyros.infra.db import metadata, prepared
from tests.houses import opened

_AUDIT = ("access_refused", "sign_in_failed")
_MOVING = ("events", "collab_service")
"""Tables that change by themselves: the log is compared event by event, the beat is of no account."""
_PARAMETERS = {
    "kind": "tasks",
    "task_id": "T-1",
    "name": "bob",
    "lock_id": "lock_1",
    "project": "app",
    "scope": "project",
    "key": "app",
}


@dataclass(frozen=True)
class Route:
    """One operation of the document. `address` has its parameters filled in."""

    method: str
    path: str
    takes_body: bool

    @property
    def address(self) -> str:
        filled = self.path
        for name in [part[1:-1] for part in self.path.split("/") if part.startswith("{")]:
            filled = filled.replace(f"{{{name}}}", _PARAMETERS.get(name, "x"))
        return filled

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Rooms:
    house: House
    app: FastAPI
    token: str

    def client(self, token: str | None = None) -> httpx2.AsyncClient:
        """Of the operator, or of whoever has this token."""
        return httpx2.AsyncClient(
            transport=httpx2.ASGITransport(self.app, raise_app_exceptions=False),
            base_url="http://localhost",
            headers={"Authorization": f"Bearer {self.token if token is None else token}"},
        )

    def routes(self, *prefixes: str) -> Iterator[Route]:
        """Every operation below these paths."""
        for path, calls in self.app.openapi()["paths"].items():
            if path.startswith(prefixes):
                for method, call in calls.items():
                    yield Route(method.upper(), path, "requestBody" in call)

    async def state(self) -> Mapping[str, Any]:
        """Every row of every table and every state file; of the log all but the notes about refusals."""
        tables: dict[str, Any] = await self.house.database.read(
            lambda connection: {
                name: sorted(map(str, prepared(connection, f"SELECT * FROM {name}").all()))
                for name in metadata.tables
                if name not in _MOVING
            }
        )
        log = await self.house.events.page(0, 10_000, EventFilter())
        tables["events"] = [event for event in log if event.event not in _AUDIT]
        folder = self.house.home.root / "collaboration" / "state"
        files = {path.name: path.read_bytes() for path in sorted(folder.glob("*.json"))}
        return tables | files


@asynccontextmanager
async def open_rooms(home: Path, **settings: Any) -> AsyncIterator[Rooms]:
    rates = {"rate_sign_in": "1000/minute", "rate_write": "100000/minute"}
    async with opened(home, **rates, **settings) as house:
        app = build_app(house)
        yield Rooms(house, app, (home / "operator.token").read_text().strip())
