"""Appending to the log of events with acknowledgement, beside a file synced line by line.

    .venv/bin/python -m bench append

Both on this machine's disk, and both on one that takes a millisecond longer to sync: sharing a sync is worth
what a sync costs, and where it costs next to nothing what is left is the processor's time.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import uvloop

from bench.rig import Figures, Row, in_turn, opened, place_in, rate, report
from bench.slow_disk import slower_by
from kyros.events.model import NewEvent
from kyros.events.store import SqlEventLog

WRITERS, SECONDS, MARK = 32, 1.5, 10.0
SLOWER_MS = 1.0


def main(arguments: list[str]) -> int:
    with tempfile.TemporaryDirectory(prefix="kyros-bench-") as folder:
        root = Path(folder)
        rows = _rows("this disk", _measured(place_in(root, "plain"), {}))
        slower = slower_by(SLOWER_MS, root)
        if slower is None:
            print("SKIPPED: a slower disk, for there is no C compiler")
        else:
            rows += _rows(f"{SLOWER_MS:g} ms slower", _measured(place_in(root, "slower"), slower))
    return report("Acknowledged events a second", "a sync a line", rows)


def _rows(disk: str, found: Figures) -> list[Row]:
    many, one, line = (f"{found.median(name):,.0f}" for name in ("32", "1", "lines"))
    return [
        Row(f"{WRITERS} writers, {disk}", many, line, found.ratio("32", "lines"), least=MARK),
        Row("… one writer", one, line, found.ratio("1", "lines")),
    ]


def _measured(folder: Path, environment: Mapping[str, str]) -> Figures:
    """In a process of its own, for the disk comes with it."""
    ran = subprocess.run(
        [sys.executable, "-m", "bench.append", str(folder)],
        env={**os.environ, **environment}, stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    return Figures(json.loads(ran.stdout))


async def measure(folder: Path) -> Figures:
    with opened(folder / "kyros.db") as database:
        log, lines = SqlEventLog(database), Lines(folder / "events.jsonl")
        found = await in_turn(
            {
                "32": lambda: appended(log, WRITERS),
                "1": lambda: appended(log, 1),
                "lines": lambda: _rate(lines),
            }
        )
        lines.close()
    return found


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


if __name__ == "__main__":
    print(json.dumps(uvloop.run(measure(Path(sys.argv[1]))).values))
