"""No-op jobs a second and time from enqueue to start: the embedded engine beside Celery over Redis.

    .venv/bin/python -m bench.jobs

Both in one run, each as two processes: this one enqueues, a worker with four slots runs jobs that
only note when they started. The embedded engine syncs every commit to the disk (SQLite,
synchronous=FULL); Redis keeps nothing on disk, which is Celery at its quickest.
"""

import asyncio
import os
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from celery import Celery
from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection

from kyros.engine.adapters.embedded.bus import ClientBus, HubBus
from kyros.engine.adapters.embedded.queue import TOPIC, EmbeddedQueue
from kyros.engine.adapters.embedded.rounds import Worker
from kyros.engine.model import NewJob
from kyros.infra.db import SqliteDatabase, metadata

SLOTS = 4
CALLERS = 16
REPEATS = 3
LIGHT_JOBS, LIGHT_PAUSE_SECONDS = 80, 0.01
PATIENCE_SECONDS = 30.0
_MARK = struct.Struct("dd")


class Notebook:
    """A file to which every job appends when it was sent and when it started (seconds, monotonic)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.touch()
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND)

    def note(self, sent: float) -> None:
        os.write(self._file, _MARK.pack(sent, time.monotonic()))

    def wait_for(self, count: int) -> list[tuple[float, float]]:
        """The marks of `count` jobs; then the notebook is empty again."""
        end = time.monotonic() + PATIENCE_SECONDS
        while self._path.stat().st_size < count * _MARK.size:
            if time.monotonic() > end:
                raise SystemExit(f"only {self._path.stat().st_size // _MARK.size} of {count} jobs ran")
            time.sleep(0.002)
        marks = list(_MARK.iter_unpack(self._path.read_bytes()))
        os.truncate(self._path, 0)
        return marks


class Engine(Protocol):
    """A producer in this process; its worker is another."""

    name: str
    backlog: int

    def pile(self, count: int) -> None:
        """Put so many jobs before the worker at once: it starts none before the last is there."""
        ...

    def send(self, count: int, callers: int) -> None:
        """Enqueue `count` jobs, each caller one after another."""
        ...

    def trickle(self, count: int, pause_seconds: float) -> None:
        """Enqueue a job every so often."""
        ...


@dataclass
class Figures:
    """One value a repetition."""

    drained: list[float] = field(default_factory=list)
    streamed: list[float] = field(default_factory=list)
    alone: list[float] = field(default_factory=list)
    start_ms: list[float] = field(default_factory=list)
    start_p95_ms: list[float] = field(default_factory=list)


ROWS: Mapping[str, Callable[[Figures], list[float]]] = {
    "jobs/s from a backlog": lambda figures: figures.drained,
    f"jobs/s while {CALLERS} callers enqueue": lambda figures: figures.streamed,
    "jobs/s while one caller enqueues": lambda figures: figures.alone,
    "enqueue to start at a job every 10 ms, median ms": lambda figures: figures.start_ms,
    "… 95th percentile ms": lambda figures: figures.start_p95_ms,
}


def measure(engine: Engine, notebook: Notebook, figures: Figures) -> None:
    """One repetition: a backlog, two streams, a light load."""
    engine.pile(engine.backlog)
    starts = sorted(started for _, started in notebook.wait_for(engine.backlog))
    figures.drained.append((len(starts) - 1) / (starts[-1] - starts[0]))

    for callers, rates in ((CALLERS, figures.streamed), (1, figures.alone)):
        engine.send(engine.backlog, callers)
        marks = notebook.wait_for(engine.backlog)
        rates.append(len(marks) / (max(m[1] for m in marks) - min(m[0] for m in marks)))

    engine.trickle(LIGHT_JOBS, LIGHT_PAUSE_SECONDS)
    waits = sorted((started - sent) * 1000 for sent, started in notebook.wait_for(LIGHT_JOBS))
    figures.start_ms.append(statistics.median(waits))
    figures.start_p95_ms.append(waits[int(len(waits) * 0.95)])


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A child of ours, ended by its own id."""
    env = {**os.environ, "PYTHONWARNINGS": "ignore"}
    child = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, env=env)
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


# The embedded engine


class Embedded:
    name = "Kyros embedded\nSQLite, synchronous=FULL"
    backlog = 3200

    def __init__(self, home: Path, stack: ExitStack) -> None:
        self._runner = stack.enter_context(asyncio.Runner())
        self._database = SqliteDatabase(home / "kyros.db")
        stack.callback(self._database.close)
        metadata.create_all(self._database._engine)
        self._queue = EmbeddedQueue(self._database, Worker("producer", "1"))
        self._bus = HubBus(home)
        self._runner.run(self._bus.__aenter__())
        stack.callback(lambda: self._runner.run(self._bus.__aexit__()))
        self._database.listener = lambda topics: self._bus.publish(TOPIC, b"")
        stack.enter_context(running(sys.executable, "-m", "bench.jobs", "embedded", str(home)))

    def pile(self, count: int) -> None:
        def enqueue_all(connection: Connection) -> None:
            for _ in range(count):
                self._queue.enqueue_in(connection, NewJob("noop", {"sent": time.monotonic()}))

        self._runner.run(self._database.write(enqueue_all))

    def send(self, count: int, callers: int) -> None:
        async def call(share: int) -> None:
            for _ in range(share):
                await self._enqueue()

        async def call_all() -> None:
            await asyncio.gather(*(call(count // callers) for _ in range(callers)))

        self._runner.run(call_all())

    def trickle(self, count: int, pause_seconds: float) -> None:
        async def call() -> None:
            for _ in range(count):
                await self._enqueue()
                await asyncio.sleep(pause_seconds)

        self._runner.run(call())

    async def _enqueue(self) -> None:
        await self._queue.enqueue(NewJob("noop", {"sent": time.monotonic()}))


async def serve_embedded(home: Path) -> None:
    notebook = Notebook(home / "marks")

    async def noop(payload: Mapping[str, Any]) -> None:
        notebook.note(payload["sent"])

    database = SqliteDatabase(home / "kyros.db")
    queue = EmbeddedQueue(database, Worker("bench", str(os.getpid())))
    async with ClientBus(home) as bus, bus.subscribe(TOPIC) as nudges, asyncio.TaskGroup() as group:
        group.create_task(queue.serve({"noop": noop}, SLOTS))
        async for _ in nudges:
            queue.wake()


# Celery over Redis


def celery_app(url: str, queue: str) -> Celery:
    app = Celery("bench", broker=url, set_as_current=False)
    app.conf.update(
        task_default_queue=queue,
        task_ignore_result=True,
        task_acks_late=True,
        worker_send_task_events=False,
        broker_connection_retry_on_startup=True,
    )
    return app


class CeleryOverRedis:
    backlog = 480

    def __init__(self, home: Path, url: str, prefetch: int, stack: ExitStack) -> None:
        self.name = f"Celery + Redis\nprefork, acks_late, prefetch {prefetch}"
        self._app = celery_app(url, f"jobs-{prefetch}")
        stack.callback(self._app.close)
        self._queue = f"jobs-{prefetch}"
        stack.enter_context(
            running(sys.executable, "-m", "bench.jobs", "celery", str(home), url, str(prefetch))
        )

    def pile(self, count: int) -> None:
        self._tell_worker("cancel_consumer")
        self.send(count, CALLERS)
        self._tell_worker("add_consumer")

    def _tell_worker(self, command: str) -> None:
        self._app.control.broadcast(
            command, arguments={"queue": self._queue}, destination=[f"{self._queue}@bench"],
            reply=True, limit=1, timeout=PATIENCE_SECONDS,
        )  # fmt: skip

    def send(self, count: int, callers: int) -> None:
        def call(share: int) -> None:
            for _ in range(share):
                self._enqueue()

        with ThreadPoolExecutor(callers) as pool:
            list(pool.map(call, [count // callers] * callers))

    def trickle(self, count: int, pause_seconds: float) -> None:
        for _ in range(count):
            self._enqueue()
            time.sleep(pause_seconds)

    def _enqueue(self) -> None:
        self._app.send_task("noop", (time.monotonic(),))


def serve_celery(home: Path, url: str, prefetch: int) -> None:
    app, notebook = celery_app(url, f"jobs-{prefetch}"), Notebook(home / "marks")
    app.conf.worker_prefetch_multiplier = prefetch

    @app.task(name="noop")  # type: ignore[untyped-decorator]  # Celery ships no types
    def noop(sent: float) -> None:
        notebook.note(sent)

    app.worker_main(
        ["worker", "--pool=prefork", f"--concurrency={SLOTS}", "--loglevel=ERROR",
         f"--hostname=jobs-{prefetch}@bench", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    )  # fmt: skip


@contextmanager
def redis(home: Path) -> Iterator[str]:
    """A Redis of our own on a free port, without persistence. Yields its URL."""
    program = shutil.which("redis-server")
    if program is None:
        raise SystemExit("redis-server is missing: `apt-get install redis-server`, then run this again.")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with running(
        program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
        "--dir", str(home),
    ):  # fmt: skip
        end = time.monotonic() + 5
        while time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        yield f"redis://127.0.0.1:{port}/0"


# The run


def compare(folder: Path) -> list[tuple[str, Figures]]:
    """Celery with the prefetch that suits acks_late, and with its default. Turn by turn, so that
    whatever else the machine does meets all alike."""
    with ExitStack() as stack:
        url = stack.enter_context(redis(folder))
        homes = [folder / name for name in ("embedded", "celery-1", "celery-4")]
        for home in homes:
            home.mkdir()
        engines: list[Engine] = [
            Embedded(homes[0], stack),
            CeleryOverRedis(homes[1], url, 1, stack),
            CeleryOverRedis(homes[2], url, 4, stack),
        ]
        found = [(engine.name, Figures()) for engine in engines]
        notebooks = [Notebook(home / "marks") for home in homes]
        for engine, notebook in zip(engines, notebooks, strict=True):
            engine.send(CALLERS * 4, CALLERS)
            notebook.wait_for(CALLERS * 4)
        for _ in range(REPEATS):
            for engine, notebook, (_, figures) in zip(engines, notebooks, found, strict=True):
                measure(engine, notebook, figures)
        return found


def main(arguments: list[str]) -> int:
    match arguments:
        case []:
            with tempfile.TemporaryDirectory(prefix="kyros-bench-", ignore_cleanup_errors=True) as folder:
                return report(compare(Path(folder)))
        case ["embedded", home]:
            asyncio.run(serve_embedded(Path(home)))
        case ["celery", home, url, prefetch]:
            serve_celery(Path(home), url, int(prefetch))
        case _:
            raise SystemExit("usage: python -m bench.jobs")
    return 0


def report(found: list[tuple[str, Figures]]) -> int:
    """Print medians and ratios. Returns 1 when the embedded engine is not what it shall be."""
    table = Table(title=f"No-op jobs, {SLOTS} slots, medians of {REPEATS}", title_justify="left")
    table.add_column("")
    for name, _ in found:
        table.add_column(name, justify="right")
    table.add_column("ratio to Celery's best", justify="right")
    for title, show in ROWS.items():
        values = [statistics.median(show(figures)) for _, figures in found]
        ratio = values[0] / max(values[1:]) if "jobs/s" in title else min(values[1:]) / values[0]
        shown = [f"{value:,.0f}" if value > 50 else f"{value:.2f}" for value in values]
        table.add_row(title, *shown, f"{ratio:.1f}x")
    Console(width=150).print(table)
    return verdict(found)


def verdict(found: list[tuple[str, Figures]]) -> int:
    drained = [statistics.median(figures.drained) for _, figures in found]
    start_ms = statistics.median(found[0][1].start_ms)
    holds = drained[0] >= 5 * max(drained[1:]) and start_ms < 5
    print(f"At least 5x the jobs/s and a median start under 5 ms: {'yes' if holds else 'NO'}.")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
