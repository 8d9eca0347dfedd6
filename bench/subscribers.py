"""Subscribers of a tail and who feeds it, in a process of their own; prints what they saw as JSON.

.venv/bin/python -m bench.subscribers PORT TOKEN PID SUBSCRIBERS PACE SECONDS {stay|end}
"""

import asyncio
import json
import os
import re
import signal
import sys
import time
from array import array
from dataclasses import asdict, dataclass
from typing import Any

import psutil
import uvloop

_WINDOW, _FEEDERS, _SAMPLED = 64, 16, 10
_ID = re.compile(rb"\nid: (\d+)")
_SENT = re.compile(rb'"sent":([0-9.]+)')
_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Seen:
    """`rate` is deliveries a second; times are from sending an event to having it; `cpu_us`
    is what the server spends on each."""

    rate: float
    delivered: int
    lost: int
    doubled: int
    median_ms: float
    p99_ms: float
    kb_each: float
    cpu_us: float
    end_seconds: float


class Subscriber(asyncio.Protocol):
    """Notes every number it gets; every tenth also how long each took."""

    def __init__(self, port: int, token: str, sampled: bool) -> None:
        self.ids = array("L")
        self.took: list[float] = []
        self.opened, self.gone = asyncio.Event(), asyncio.Event()
        self._sampled, self._rest = sampled, b""
        self._ask = (
            f"GET /api/collab/events/tail?event=bench HTTP/1.1\r\nHost: localhost:{port}\r\n"
            f"Authorization: Bearer {token}\r\n\r\n"
        ).encode()

    def connection_made(self, transport: Any) -> None:
        transport.write(self._ask)

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        end = data.rfind(b"\n\n") + 2
        if end < 2:
            self._rest = data
            return
        data, self._rest = data[:end], data[end:]
        if b"retry:" in data:
            self.opened.set()
        frames = [frame for frame in data.split(b"\n\n") if b"data: " in frame]
        self.ids.extend(int(_ID.search(b"\n" + frame)[1]) for frame in frames)
        if self._sampled:
            now = time.perf_counter()
            self.took += [now - float(sent) for sent in _SENT.findall(data)]

    def connection_lost(self, error: Exception | None) -> None:
        self.gone.set()


class Feeder:
    """Appends events over a few connections, at a pace or as fast as the slowest subscriber takes them."""

    def __init__(self, port: int, token: str, crowd: list[Subscriber], pace: int) -> None:
        self._port, self._token, self._crowd, self._pace = port, token, crowd, pace
        self.sent: list[int] = []
        self._begun = 0

    async def run(self, seconds: float) -> None:
        began = time.perf_counter()
        await asyncio.gather(*(self._feed(began, began + seconds) for _ in range(_FEEDERS)))

    async def _feed(self, began: float, end: float) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        while time.perf_counter() < end:
            turn, self._begun = self._begun, self._begun + 1
            if self._pace:
                await asyncio.sleep(began + turn / self._pace - time.perf_counter())
            else:
                while turn - min(len(one.ids) for one in self._crowd[::7]) >= _WINDOW:
                    await asyncio.sleep(0.001)
            await self._post(reader, writer)
        writer.close()

    async def _post(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sent = b'{"event":"bench","target":"T-1","details":{"sent":%.6f}}' % time.perf_counter()
        head = (
            f"POST /api/collab/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self._token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(sent)}\r\n\r\n"
        )
        writer.write(head.encode() + sent)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = int(re.search(rb"(?i)content-length: (\d+)", answer)[1])
        body = await reader.readexactly(length)
        if b" 201 " not in answer[:20]:
            raise SystemExit(f"{answer!r} {body!r}")
        self.sent.append(json.loads(body)["id"])


async def watch(port: int, token: str, pid: int, count: int, pace: int, seconds: float, then: str) -> Seen:
    server = psutil.Process(pid)
    before = server.memory_info().rss
    loop, crowd = asyncio.get_running_loop(), list[Subscriber]()
    for number in range(count):
        one = Subscriber(port, token, number % _SAMPLED == 0)
        await loop.create_connection(lambda one=one: one, "127.0.0.1", port)
        crowd.append(one)
    async with asyncio.timeout(_PATIENCE_SECONDS):
        await asyncio.gather(*(one.opened.wait() for one in crowd))
    kb_each = (server.memory_info().rss - before) / 1024 / count
    feeder = Feeder(port, token, crowd, pace)
    began, busy = time.perf_counter(), sum(server.cpu_times()[:2])
    await feeder.run(seconds)
    deadline = time.perf_counter() + _PATIENCE_SECONDS
    while any(len(one.ids) < len(feeder.sent) for one in crowd) and time.perf_counter() < deadline:
        await asyncio.sleep(0.01)
    spent, busy = time.perf_counter() - began, sum(server.cpu_times()[:2]) - busy
    await asyncio.sleep(0.3)  # what comes twice comes late
    end_seconds = 0.0
    if then == "end":
        ending = time.perf_counter()
        os.kill(pid, signal.SIGTERM)
        await asyncio.gather(*(one.gone.wait() for one in crowd))
        while psutil.pid_exists(pid) and server.status() != psutil.STATUS_ZOMBIE:
            await asyncio.sleep(0.01)
        end_seconds = time.perf_counter() - ending
    return summed(crowd, set(feeder.sent), spent, busy, kb_each, end_seconds)


def summed(
    crowd: list[Subscriber], sent: set[int], spent: float, busy: float, kb_each: float, end_seconds: float
) -> Seen:
    delivered = sum(len(one.ids) for one in crowd)
    took = sorted(took for one in crowd for took in one.took)
    return Seen(
        rate=delivered / spent,
        delivered=delivered,
        lost=sum(len(sent - set(one.ids)) for one in crowd),
        doubled=sum(len(one.ids) - len(set(one.ids)) for one in crowd),
        median_ms=1000 * took[len(took) // 2],
        p99_ms=1000 * took[int(len(took) * 0.99)],
        kb_each=kb_each,
        cpu_us=1e6 * busy / delivered,
        end_seconds=end_seconds,
    )


if __name__ == "__main__":
    port, token, pid, count, pace, seconds, then = sys.argv[1:]
    seen = uvloop.run(watch(int(port), token, int(pid), int(count), int(pace), float(seconds), then))
    print(json.dumps(asdict(seen)))
