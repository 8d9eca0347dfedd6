"""The references that are servers: the same PATCH over SQLAlchemy's async ORM, and a lesser one; a tail with
a queue for each subscriber; a route with and without a gate.

    .venv/bin/python -m bench.peers {orm|lesser|queues|gated|bare} --fd N --lifeline N
"""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Annotated, Any, TypeVar

import orjson
import uvicorn
import uvloop
from fastapi import FastAPI, Header
from fastapi.responses import Response
from sqlalchemy import event as on
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sse_starlette import EventSourceResponse, ServerSentEvent

from kyros.auth.api import Gate
from kyros.auth.model import Right, perimeter, require
from kyros.collab.api.doorway import Caller
from kyros.collab.api.presence import Presence
from kyros.collab.api.task_bodies import TaskPatchRequest
from kyros.entrypoints.bodies import StrictBodies
from kyros.entrypoints.bootstrap import House, open_server
from kyros.entrypoints.problems import answer, install
from kyros.infra.lifeline import hold_on_to
from kyros.kernel.clock import to_text, utc_now
from kyros.kernel.settings import read_settings

TASKS = 1_000


class Base(DeclarativeBase):
    pass


class LesserRow(Base):
    """What a PATCH cannot do without."""

    __tablename__ = "lesser_tasks"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    status: Mapped[str]
    version: Mapped[int]


class TaskRow(Base):
    """What a row of ours holds."""

    __tablename__ = "tasks"

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[str]
    title: Mapped[str]
    objective: Mapped[str]
    constraints: Mapped[str]
    acceptance_criteria: Mapped[str]
    status: Mapped[str]
    version: Mapped[int]
    created_at: Mapped[str]
    updated_at: Mapped[str]
    assignee: Mapped[str | None]
    priority: Mapped[str]
    labels: Mapped[str]
    estimate_minutes: Mapped[float | None]
    revision: Mapped[int] = mapped_column(index=True)


Row = TypeVar("Row", TaskRow, LesserRow)


class LeaseRow(Base):
    __tablename__ = "leases"

    resource: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    expires_at: Mapped[str]


class StateRow(Base):
    __tablename__ = "state"

    kind: Mapped[str] = mapped_column(primary_key=True)
    revision: Mapped[int]


class EventRow(Base):
    __tablename__ = "events"

    id: Mapped[int] = mapped_column(primary_key=True)
    ts: Mapped[str] = mapped_column(index=True)
    event: Mapped[str] = mapped_column(index=True)
    actor: Mapped[str] = mapped_column(index=True)
    target: Mapped[str] = mapped_column(index=True)
    details: Mapped[str]


def orm_engine(path: str) -> AsyncEngine:
    """One connection, for SQLite lets one write at a time: with more of them they only wait for its lock."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}", pool_size=1, max_overflow=0)

    @on.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-16000"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


async def orm_app() -> FastAPI:
    """The route over the ORM: select, check version and lease, update the task and the collection's
    revision, insert the event, commit. It keeps no hash of what is there and no words to search by."""
    rows = [
        TaskRow(
            id=number, project_id="p", title=f"Task {number}", objective="Do it. " * 40,
            constraints="Keep the names.", acceptance_criteria='["Its tests pass."]', status="queued",
            version=1, created_at=to_text(utc_now()), updated_at=to_text(utc_now()), priority="normal",
            labels='["backend"]', revision=number,
        )
        for number in range(1, TASKS + 1)
    ]  # fmt: skip

    async def is_free(session: AsyncSession, row: TaskRow) -> bool:
        held = select(LeaseRow).where(LeaseRow.resource == f"task:T-{row.id}")
        if (await session.execute(held)).scalar_one_or_none() is not None:
            return False
        state = await session.get_one(StateRow, "tasks")
        row.revision = state.revision = state.revision + 1
        row.updated_at = to_text(utc_now())
        return True

    return await tasks_app(TaskRow, [*rows, StateRow(kind="tasks", revision=TASKS)], is_free)


async def lesser_app() -> FastAPI:
    """The least that can be called a PATCH over the ORM: a row of four columns, its version, its event. No
    lease is looked for, no collection has a revision."""

    async def is_free(session: AsyncSession, row: LesserRow) -> bool:
        return True

    numbers = range(1, TASKS + 1)
    rows = [LesserRow(id=number, title=f"Task {number}", status="queued", version=1) for number in numbers]
    return await tasks_app(LesserRow, rows, is_free)


async def tasks_app(
    kind: type[Row], rows: Iterable[Base], is_free: Callable[[AsyncSession, Row], Awaitable[bool]]
) -> FastAPI:
    """GET and PATCH of tasks that are rows of this kind; `is_free` may refuse a change, and adds to it."""
    app = FastAPI()
    engine = orm_engine(str(read_settings().home / "orm.db"))
    sessions = async_sessionmaker(engine, expire_on_commit=False)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with sessions() as session:
        session.add_all(rows)
        await session.commit()

    @app.get("/api/collab/tasks/{task_id}")
    async def get_task(task_id: str) -> Response:
        async with sessions() as session:
            row = await session.get_one(kind, int(task_id[2:]))
        return Response(b"{}", headers={"ETag": etag_of(row)}, media_type="application/json")

    @app.patch("/api/collab/tasks/{task_id}")
    async def patch_task(
        task_id: str, body: TaskPatchRequest, principal: Caller, if_match: Annotated[str, Header()]
    ) -> Response:
        require(principal, Right.TASKS, None)
        async with sessions() as session:
            row = (await session.execute(select(kind).where(kind.id == int(task_id[2:])))).scalar_one()
            if if_match != etag_of(row):
                return Response(status_code=412)
            if not await is_free(session, row):
                return Response(status_code=409)
            for name in body.model_fields_set:
                setattr(row, name, getattr(body, name))
            row.version += 1
            details = orjson.dumps({"fields": list(body.model_fields_set)}).decode()
            session.add(
                EventRow(
                    ts=to_text(utc_now()), event="task_changed", actor=principal.name,
                    target=task_id, details=details,
                )
            )  # fmt: skip
            await session.commit()
        content = orjson.dumps({"ok": True, "etag": etag_of(row)})
        return Response(content, headers={"ETag": etag_of(row)}, media_type="application/json")

    return app


def etag_of(row: TaskRow | LesserRow) -> str:
    return f'"{row.version}"'


async def queues_app() -> FastAPI:
    """A queue for each subscriber, sse-starlette's stream; it keeps nothing."""
    app = FastAPI()
    queues: set[asyncio.Queue[tuple[int, bytes]]] = set()
    last = [0]

    @app.post("/api/collab/events", status_code=201)
    async def report(body: dict[str, Any]) -> Response:
        last[0] += 1
        data = orjson.dumps({"id": last[0], **body})
        for queue in queues:
            queue.put_nowait((last[0], data))
        return Response(orjson.dumps({"ok": True, "id": last[0]}), 201, media_type="application/json")

    @app.get("/api/collab/events/tail")
    async def tail() -> EventSourceResponse:
        queue: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()

        async def messages() -> AsyncIterator[ServerSentEvent]:
            queues.add(queue)
            try:
                yield ServerSentEvent(id="0", retry=2000, sep="\n")
                while True:
                    number, data = await queue.get()
                    yield ServerSentEvent(data=data.decode(), id=str(number), sep="\n")
            finally:
                queues.discard(queue)

        return EventSourceResponse(messages())

    return app


async def ping_app() -> FastAPI:
    """A route that does nothing."""
    app = FastAPI()

    @app.get("/api/ping")
    async def ping() -> Response:
        return Response(b"{}", media_type="application/json")

    return app


APPS = {"orm": orm_app, "lesser": lesser_app, "queues": queues_app, "gated": ping_app, "bare": ping_app}


def behind_gate(app: FastAPI, house: House) -> None:
    """As Kyros' own routes stand."""
    settings = house.settings
    install(app)
    app.add_middleware(StrictBodies, answer=answer)
    app.add_middleware(Presence, saw=house.agents.saw)
    app.add_middleware(
        Gate,
        auth=house.admission.auth,
        perimeter=perimeter(settings.host, settings.allowed_hosts, settings.allowed_origins),
        answer=answer,
        rates=house.admission.rates,
        refusals=house.admission.refusals,
    )


async def serve(name: str, listener: socket.socket) -> None:
    app = await APPS[name]()
    app.add_api_route("/healthz", lambda: {"status": "ok"})
    async with open_server(read_settings()) as house:
        if name != "bare":
            behind_gate(app, house)
        config = uvicorn.Config(
            app, log_config=None, access_log=False, lifespan="off",
            timeout_graceful_shutdown=3, server_header=False,
        )  # fmt: skip
        await uvicorn.Server(config).serve(sockets=[listener])


if __name__ == "__main__":
    name, _, number, _, lifeline = sys.argv[1:]
    hold_on_to(int(lifeline))
    uvloop.run(serve(name, socket.socket(fileno=int(number))))
