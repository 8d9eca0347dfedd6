"""A cheap HTTP client in a process of its own: keep-alive connections, each one request after another.

.venv/bin/python -m bench.load PID PORT TOKEN patch CONNECTIONS SECONDS TASKS
.venv/bin/python -m bench.load PID PORT TOKEN /api/path CONNECTIONS SECONDS
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, field

import psutil
import uvloop

from bench.servers import Served

_MOST_TASKS = 1_000


@dataclass(frozen=True)
class Load:
    """Requests a second, what one took, and what the server's CPU spent on it, in ms."""

    rate: float
    median_ms: float
    p99_ms: float
    cpu_ms: float


@dataclass
class Lane:
    """One connection: what it asks for next, and what it has seen."""

    ask: Callable[["Lane"], bytes]
    tasks: Sequence[int] = ()
    etags: dict[int, str] = field(default_factory=dict)
    done: int = 0
    took: list[float] = field(default_factory=list)

    @property
    def task(self) -> int:
        return self.tasks[self.done % len(self.tasks)]


async def drive(server: psutil.Process, port: int, token: str, lanes: Sequence[Lane], seconds: float) -> Load:
    lines = [await asyncio.open_connection("127.0.0.1", port) for _ in lanes]
    callers = [Caller(*line, token, lane) for line, lane in zip(lines, lanes, strict=True)]
    await asyncio.gather(*(one.prepare() for one in callers))
    began, busy = time.perf_counter(), sum(server.cpu_times()[:2])
    await asyncio.gather(*(one.call(began + seconds) for one in callers))
    spent, busy = time.perf_counter() - began, sum(server.cpu_times()[:2]) - busy
    took = sorted(one for lane in lanes for one in lane.took)
    p50, p99 = took[len(took) // 2], took[int(len(took) * 0.99)]
    return Load(len(took) / spent, 1000 * p50, 1000 * p99, 1000 * busy / len(took))


@dataclass
class Caller:
    """Who uses a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    token: str
    lane: Lane

    async def prepare(self) -> None:
        """Get the etag of each of its tasks."""
        for task in self.lane.tasks:
            self.lane.etags[task] = await self._answer(b"GET /api/collab/tasks/T-%d\n\r\n" % task)

    async def call(self, end: float) -> None:
        while (began := time.perf_counter()) < end:
            etag = await self._answer(self.lane.ask(self.lane))
            self.lane.took.append(time.perf_counter() - began)
            if self.lane.tasks:
                self.lane.etags[self.lane.task] = etag
            self.lane.done += 1
        self.writer.close()

    async def _answer(self, request: bytes) -> str:
        """Send it and read the whole answer. Returns its ETag."""
        line, _, rest = request.partition(b"\n")
        head = f" HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self.token}\r\n".encode()
        self.writer.write(line + head + rest)
        status, *fields = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        known = {name.lower(): value for name, _, value in (one.partition(": ") for one in fields)}
        body = await self.reader.readexactly(int(known.get("content-length", 0)))
        if not status.startswith("HTTP/1.1 20"):
            raise SystemExit(f"{line.decode()}: {status} {body.decode()[:300]}")
        return known.get("etag", "")


def patch(lane: Lane) -> bytes:
    body = b'{"title":"Task %d as it reads after change %d"}' % (lane.task, lane.done)
    return (
        b"PATCH /api/collab/tasks/T-%d\nIf-Match: %b\r\nContent-Type: application/merge-patch+json\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (lane.task, lane.etags[lane.task].encode(), len(body), body)
    )


def main(arguments: list[str]) -> None:
    pid, port, token, what, connections, seconds, *tasks = arguments
    if what == "patch":
        count = int(tasks[0])
        numbers = range(1, count + 1, max(1, count // _MOST_TASKS))
        lanes = [Lane(patch, numbers[own :: int(connections)]) for own in range(int(connections))]
    else:
        get = f"GET {what}\n\r\n".encode()
        lanes = [Lane(lambda lane: get) for _ in range(int(connections))]
    load = uvloop.run(drive(psutil.Process(int(pid)), int(port), token, lanes, float(seconds)))
    print(json.dumps(astuple(load)))


def loaded(served: Served, *arguments: object) -> Load:
    """What a client in a process of its own finds."""
    told = [str(one) for one in (served.process.pid, served.port, served.token, *arguments)]
    ran = subprocess.run(
        [sys.executable, "-m", "bench.load", *told], stdout=subprocess.PIPE, check=True, text=True
    )
    return Load(*json.loads(ran.stdout))


if __name__ == "__main__":
    main(sys.argv[1:])
