"""The tail of events with 1,000 subscribers, beside sse-starlette with a queue for each of them.

    .venv/bin/python -m bench tail

Server, reference and subscribers are processes of their own. How fast: events go in while fewer than 64 of
them are still to be delivered. Then a pace both can keep, for the time from sending to having; 100 events a
second, every subscriber's numbers checked; the end; and resuming anywhere in a log of 1,000,000 events.
"""

import json
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import uvloop

from bench.rig import Figures, Row, place_in, report
from bench.servers import KYROS, Served, prepared, serving
from bench.subscribers import Seen
from kyros.infra.db import prepared_many

SUBSCRIBERS, ROUNDS = 1_000, 3
SECONDS, PACE, PACE_SECONDS = 4.0, 15, 4.0
STEADY, STEADY_SECONDS = 100, 30.0
EVENTS, RESUMES = 1_000_000, 200
RATE_MARK, END_MARK_S, RESUME_MARK_MS = 5.0, 1.0, 50.0
_INSERT = """INSERT INTO events (id, ts, event, actor, target, details, project_id, run_id, pull_id, task_id)
VALUES (?, ?, ?, ?, ?, ?, ?, NULL, NULL, ?)"""


def main(arguments: list[str]) -> int:
    with tempfile.TemporaryDirectory(prefix="kyros-bench-") as folder:
        root = Path(folder)
        return compare(place_in(root, "crowd")) | resume(place_in(root, "log"))


def compare(root: Path) -> int:
    found = Figures()
    for name in ("kyros", "queues"):
        uvloop.run(_prepare(root / name, 0))
    with serving(root / "kyros") as kyros, serving(root / "queues", "bench.peers", "queues") as queues:
        for number in range(ROUNDS):
            for name, served in (("kyros", kyros), ("queues", queues)):
                full, paced = crowd(served, 0, SECONDS), crowd(served, PACE, PACE_SECONDS)
                found.note(name, full.rate)
                found.note(f"{name} full p99", full.p99_ms)
                found.note(f"{name} paced p50", paced.median_ms)
                found.note(f"{name} paced p99", paced.p99_ms)
                found.note(f"{name} cpu", full.cpu_us)
                if not number:  # memory is kept for those who come later
                    found.note(f"{name} kb", full.kb_each)
        steady = crowd(kyros, STEADY, STEADY_SECONDS)
    with serving(root / "kyros") as kyros:
        ended = crowd(kyros, PACE, 2.0, "end")
    wrong = float(steady.lost + steady.doubled)

    def both(what: str) -> tuple[str, str]:
        return f"{found.median(f'kyros{what}'):,.1f}", f"{found.median(f'queues{what}'):,.1f}"

    return report(
        f"{SUBSCRIBERS} subscribers",
        "sse-starlette",
        [
            Row("deliveries a second", *both(""), found.ratio("kyros", "queues"), least=RATE_MARK),
            Row(
                "… 99th percentile meanwhile, ms",
                *both(" full p99"),
                found.ratio("kyros full p99", "queues full p99"),
                most=1,
            ),
            Row(
                f"{PACE} events/s, 99th percentile, ms",
                *both(" paced p99"),
                found.ratio("kyros paced p99", "queues paced p99"),
                most=1,
            ),
            Row("… median, ms", *both(" paced p50")),
            Row(
                "CPU of the server for each delivery, µs",
                *both(" cpu"),
                found.ratio("queues cpu", "kyros cpu"),
            ),
            Row("memory for each subscriber, KB", *both(" kb")),
            Row(
                f"{STEADY} events/s for {STEADY_SECONDS:.0f} s: lost or doubled",
                f"{steady.delivered:,} delivered",
                "",
                wrong,
                most=0,
                unit="",
            ),
            Row("… 99th percentile, ms", f"{steady.p99_ms:.1f}"),
            Row(
                "ends after SIGTERM, all connected, s",
                f"{ended.end_seconds:.2f}",
                "",
                ended.end_seconds,
                most=END_MARK_S,
                unit=" s",
            ),
        ],
    )


def crowd(served: Served, pace: int, seconds: float, then: str = "stay") -> Seen:
    """What a thousand subscribers see, in a process of their own. `pace` 0 is as fast as they take them."""
    told = (served.port, served.token, served.process.pid, SUBSCRIBERS, pace, seconds, then)
    ran = subprocess.run(
        [sys.executable, "-m", "bench.subscribers", *(str(one) for one in told)],
        stdout=subprocess.PIPE, check=True, text=True,
    )  # fmt: skip
    return Seen(**json.loads(ran.stdout))


# Resuming


def resume(root: Path) -> int:
    uvloop.run(_prepare(root, EVENTS))
    filters = {
        "no filter": "", "an event in 20": "&event=kind-7", "an actor in 500": "&actor=actor-77",
        "a task in 5,000": "&task=T-777", "none that follows": "&task=T-1000000",
    }  # fmt: skip
    rows = []
    with serving(root, KYROS, environment={"KYROS_EVENT_FILE": "off"}) as served:
        for name, query in filters.items():
            took = sorted(_resumed(served, query) for _ in range(RESUMES))
            p99 = took[int(RESUMES * 0.99) - 1]
            rows.append(
                Row(
                    name,
                    f"{statistics.median(took):.1f}, p99 {p99:.1f}",
                    "",
                    p99,
                    most=RESUME_MARK_MS,
                    unit=" ms",
                )
            )
    return report(f"Resuming anywhere in {EVENTS:,} events, median ms", "", rows)


def _resumed(served: Served, query: str) -> float:
    """From asking to the first event; where none follows, to the opening. In ms."""
    after = random.randrange(EVENTS - 20_000)
    wanted = b"retry:" if "1000000" in query else b"data:"
    ask = (
        f"GET /api/collab/events/tail?after={after}{query} HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {served.token}\r\n\r\n"
    )
    with socket.create_connection(served.address, 10) as line:
        began, got = time.perf_counter(), b""
        line.sendall(ask.encode())
        while wanted not in got:
            piece = line.recv(65536)
            if not piece or (not got and not piece.startswith(b"HTTP/1.1 200")):
                raise SystemExit(f"resuming: {piece!r}")
            got += piece
        return (time.perf_counter() - began) * 1000


async def _prepare(root: Path, count: int) -> None:
    async with prepared(root) as (database, _):
        for begin in range(1, count + 1, 20_000):
            rows = [_row(number) for number in range(begin, min(begin + 20_000, count + 1))]
            await database.write(lambda connection, rows=rows: prepared_many(connection, _INSERT, rows))


def _row(number: int) -> Sequence[object]:
    ts = f"2026-11-{1 + number // 50_000:02}T12:00:00.000Z"
    details = '{"to":"in_progress","note":"as the table allows"}'
    task, kind, actor = f"T-{number % 5_000}", f"kind-{number % 20}", f"actor-{number % 500}"
    return number, ts, kind, actor, task, details, f"project-{number % 10}", task
