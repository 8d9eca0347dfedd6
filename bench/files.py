"""PATCHes on state files beside what a file costs by itself, on 1,000 tasks.

    .venv/bin/python -m bench files

The references: one whole read, change, write and sync for each PATCH, one after the other, as it is done
naively; and the bare cost of bringing a file of this size to the disk, serialised from memory. Some disks
sync cheaply and free blocks slowly, so what an append costs stands beside them.
"""

import json
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import uvloop

from bench.rig import Row, in_turn, opened, patches, place_in, rate, report, seed
from kyros.collab.service.tasks import Tasks
from kyros.collab.store import FileCollabStore, SqlCollabStore
from kyros.events.store import SqlEventLog
from kyros.infra.files import replace_file

TASKS, CALLERS, SECONDS = 1_000, 32, 1.5
MANY_MARK, ONE_MARK = 8.0, 1.5


def main(arguments: list[str]) -> int:
    with tempfile.TemporaryDirectory(prefix="kyros-bench-") as folder:
        return uvloop.run(compare(Path(folder)))


async def compare(folder: Path) -> int:
    async with tasks_in_files(place_in(folder, "kyros")) as (service, file):
        naive = Naive(place_in(folder, "naive") / "tasks.json", file.read_bytes())
        line = naive.path.parent / "events.jsonl"
        found = await in_turn(
            {
                "32": lambda: patches(service, range(1, CALLERS + 1), SECONDS),
                "naive": lambda: _rate(naive.patch),
                "1": lambda: patches(service, [7], SECONDS),
                "bare": lambda: _rate(naive.bare),
                "append": lambda: _rate(lambda: append(line)),
            }
        )
        size_kb = file.stat().st_size / 1024
    one_ms, bare_ms = 1000 / found.median("1"), 1000 / found.median("bare")
    rows = [
        Row(
            "32 callers PATCH at once, a second",
            f"{found.median('32'):,.0f}",
            f"{found.median('naive'):,.0f} each whole by itself",
            found.ratio("32", "naive"),
            least=MANY_MARK,
        ),
        Row(
            "one PATCH alone, ms",
            f"{one_ms:.1f}",
            f"{bare_ms:.1f} bare serialise and replace",
            found.ratio("bare", "1"),
            most=ONE_MARK,
        ),
        Row("an appended line, synced, ms", "", f"{1000 / found.median('append'):.2f}"),
    ]
    return report(f"State files of {TASKS} tasks, {size_kb:.0f} KB", "reference", rows)


@asynccontextmanager
async def tasks_in_files(folder: Path) -> AsyncIterator[tuple[Tasks, Path]]:
    """The service over files, and the file of tasks."""
    with opened(folder / "kyros.db") as database:
        journal = SqlCollabStore(database, SqlEventLog(database))
        await seed(journal, TASKS)
        store = FileCollabStore(journal, folder / "state", lambda board, edit: None)
        await store.open()
        try:
            yield Tasks(store), folder / "state" / "tasks.json"
        finally:
            await store.close()
            if store.trouble is not None:
                raise SystemExit(f"the files fell behind: {store.trouble}")


class Naive:
    """The same file, changed by whoever comes: read it, parse it, change it, write it, sync it."""

    def __init__(self, path: Path, content: bytes) -> None:
        self.path = path
        self._done = 0
        self._in_memory = orjson.loads(content)
        path.write_bytes(content)

    def patch(self) -> None:
        document = json.loads(self.path.read_text())
        self._change(document)
        self._put(json.dumps(document, indent=2).encode())

    def bare(self) -> None:
        """Only what nobody can do without: serialise what is in memory, temp + fsync + rename + fsync."""
        self._change(self._in_memory)
        self._put(orjson.dumps(self._in_memory, option=orjson.OPT_INDENT_2))

    def _change(self, document: dict[str, list[dict[str, object]]]) -> None:
        self._done += 1
        document["tasks"][self._done % TASKS]["estimate_minutes"] = self._done

    def _put(self, content: bytes) -> None:
        replace_file(self.path, content)


def append(path: Path) -> None:
    """300 bytes and a sync."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(handle, b"x" * 299 + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)


async def _rate(work: Callable[[], None]) -> float:
    return rate(work, SECONDS)
