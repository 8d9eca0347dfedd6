"""The doors to a log over a real server, and how a test follows the tail."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import uvicorn
from fastapi import FastAPI

from kyros.events.api import events_router
from kyros.events.ports import EventArchive, EventLog
from kyros.events.service.history import History
from kyros.events.service.human_log import HumanLogs
from kyros.kernel.errors import Denied

PATIENCE_SECONDS = 20
EVENTS = "/api/collab/events"
TAIL = f"{EVENTS}/tail"
Message = dict[str, str]


class NotTheirs(Denied):
    pass


@dataclass
class Asking:
    """Who calls. `projects` None: everything is theirs."""

    name: str = "ann"
    projects: frozenset[str] | None = None

    def readable(self) -> frozenset[str] | None:
        return self.projects

    def check_report(self, project_id: str | None) -> None:
        if self.projects is not None and project_id not in self.projects:
            raise NotTheirs("Not yours.", project_id=project_id)


@dataclass
class Pages:
    """A human log that is only remembered."""

    path: str = "collaboration/logs/log.md"
    entries: list[str] = field(default_factory=list)

    async def append(self, markdown: str) -> None:
        self.entries.append(markdown)


def app_over(
    log: EventLog, who: Asking | None = None, pages: Pages | None = None, archive: EventArchive | None = None
) -> FastAPI:
    async def caller() -> Asking:
        return who or Asking()

    app, history = FastAPI(), History(log, archive)
    app.include_router(events_router(log, history, HumanLogs(log, history, pages or Pages()), caller))
    return app


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none", lifespan="off"))
    task = asyncio.create_task(server.serve(sockets=[listening]))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    async with httpx2.AsyncClient(base_url=url, timeout=PATIENCE_SECONDS) as client:
        yield client
    server.should_exit = True
    await task
    listening.close()


async def messages(response: httpx2.Response) -> AsyncIterator[Message]:
    """Server-sent messages as dicts of their fields; comments have the empty name."""
    message: Message = {}
    async for line in response.aiter_lines():
        if line:
            name, _, value = line.partition(": ")
            message[name.rstrip(":")] = value
        elif message:
            yield message
            message = {}


@asynccontextmanager
async def tail(
    client: httpx2.AsyncClient, query: str = "", **headers: str
) -> AsyncIterator[Callable[[int], Any]]:
    async with client.stream("GET", TAIL + query, headers=headers) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        found = messages(response)

        async def take(count: int) -> list[Message]:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return [await anext(found) for _ in range(count)]

        yield take
