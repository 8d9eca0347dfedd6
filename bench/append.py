"""Appending to the log of events with acknowledgement, beside a file synced line by line.

.venv/bin/python -m bench append
"""

import asyncio
import os
import tempfile
import time
from pathlib import Path

import uvloop

from bench.rig import Row, in_turn, opened, place_in, rate, report
from kyros.events.model import NewEvent
from kyros.events.store import SqlEventLog

WRITERS, SECONDS, MARK = 32, 1.5, 10.0


def main(arguments: list[str]) -> int:
    with tempfile.TemporaryDirectory(prefix="kyros-bench-") as folder:
        return uvloop.run(compare(Path(folder)))


async def compare(folder: Path) -> int:
    with opened(place_in(folder, "kyros") / "kyros.db") as database:
        log = SqlEventLog(database)
        lines = Lines(place_in(folder, "lines") / "events.jsonl")
        found = await in_turn(
            {
                "32": lambda: appended(log, WRITERS),
                "1": lambda: appended(log, 1),
                "lines": lambda: _rate(lines),
            }
        )
        lines.close()
    many, one, line = (found.median(name) for name in ("32", "1", "lines"))
    rows = [
        Row(f"{WRITERS} writers", f"{many:,.0f}", f"{line:,.0f}", found.ratio("32", "lines"), least=MARK),
        Row("one writer", f"{one:,.0f}", f"{line:,.0f}", found.ratio("1", "lines")),
    ]
    return report("Acknowledged events a second", "a sync a line", rows)


async def appended(log: SqlEventLog, writers: int) -> float:
    """Events a second, each writer waiting for its number before the next."""
    end = time.perf_counter() + SECONDS

    async def write(writer: int) -> int:
        done = 0
        while time.perf_counter() < end:
            await log.append(NewEvent("noted", f"writer-{writer}", f"T-{done % 1000 + 1}", {"step": done}))
            done += 1
        return done

    began = time.perf_counter()
    done = await asyncio.gather(*(write(number) for number in range(writers)))
    return sum(done) / (time.perf_counter() - began)


class Lines:
    """A line like those of events.jsonl, and a sync for each."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def add(self) -> None:
        os.write(self._file, b'{"id":1,"details":{"step":1},"pad":"' + b"x" * 260 + b'"}\n')
        os.fsync(self._file)

    def close(self) -> None:
        os.close(self._file)


async def _rate(lines: Lines) -> float:
    return rate(lines.add, SECONDS)
