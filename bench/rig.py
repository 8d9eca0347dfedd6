"""What the benches of Collab share: tasks to work on, a database with every table, rounds in turn, marks."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from kyros.collab.model import NewTask, TaskChange, Writer
from kyros.collab.ports import Board, CollabStore
from kyros.collab.service import tasks
from kyros.collab.service.tasks import Tasks
from kyros.entrypoints.migrate import upgrade
from kyros.infra.db import Database, Place, open_database

ROUNDS = 5
WORDS = "move the rate limit into the gate and count each caller by name so that one cannot starve others"


@dataclass
class Figures:
    """One value a round, by what was measured."""

    values: dict[str, list[float]] = field(default_factory=dict)

    def note(self, name: str, value: float) -> None:
        self.values.setdefault(name, []).append(value)

    def median(self, name: str) -> float:
        return statistics.median(self.values[name])

    def ratio(self, over: str, under: str) -> float:
        """The median of the rounds' own ratios: both sides of each met the same minute."""
        return statistics.median(a / b for a, b in zip(self.values[over], self.values[under], strict=True))


@dataclass(frozen=True)
class Row:
    """A line of the table. `least` or `most` is the mark that `value` must meet; neither is a figure."""

    name: str
    ours: str
    theirs: str = ""
    value: float | None = None
    least: float | None = None
    most: float | None = None
    unit: str = "x"

    @property
    def holds(self) -> bool:
        value = 0.0 if self.value is None else self.value
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    @property
    def mark(self) -> str:
        if self.least is not None:
            return f"at least {self.least:g}{self.unit}"
        return "" if self.most is None else f"at most {self.most:g}{self.unit}"


def report(title: str, reference: str, rows: Sequence[Row]) -> int:
    """Print the table. Returns 1 when a mark is missed."""
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for column in ("Kyros", reference, "value", "mark", ""):
        table.add_column(column, justify="right")
    for row in rows:
        value = "" if row.value is None else f"{row.value:.2f}{row.unit}"
        verdict = "" if not row.mark else "yes" if row.holds else "NO"
        table.add_row(row.name, row.ours, row.theirs, value, row.mark, verdict)
    Console(width=150).print(table)
    return 0 if all(row.holds for row in rows) else 1


@contextmanager
def opened(place: Place) -> Iterator[Database]:
    """A database with every table."""
    upgrade(place)
    database = open_database(place)
    try:
        yield database
    finally:
        database.close()


async def seed(store: CollabStore, count: int) -> None:
    """So many tasks of about 700 bytes, T-1 upwards."""
    for begin in range(1, count + 1, 2_000):
        numbers = range(begin, min(begin + 2_000, count + 1))

        def work(board: Board, numbers: range = numbers) -> None:
            for number in numbers:
                tasks.create(board, _task(number), "bench")

        await store.write(work)


def _task(number: int) -> NewTask:
    return NewTask(
        project_id=f"project-{number % 10}",
        title=f"Task {number}: {WORDS[:40]}",
        objective=WORDS * 3,
        constraints="Keep the public names as they are.",
        acceptance_criteria=["Its tests pass.", "The documentation says so."],
        labels=["backend", f"area-{number % 7}"],
    )


async def patches(service: Tasks, numbers: Sequence[int], seconds: float) -> float:
    """PATCHes a second, one caller for each of `numbers`, each with the If-Match it got last."""
    end = time.perf_counter() + seconds

    async def call(number: int) -> int:
        done, etag = 0, (await service.get(f"T-{number}")).etag
        while time.perf_counter() < end:
            change = TaskChange({"estimate_minutes": float(done % 1000 + 1)})
            etag = (await service.patch(f"T-{number}", change, Writer("bench"), etag)).etag
            done += 1
        return done

    began = time.perf_counter()
    done = await asyncio.gather(*(call(number) for number in numbers))
    return sum(done) / (time.perf_counter() - began)


async def in_turn(measures: Mapping[str, Callable[[], Awaitable[float]]], rounds: int = ROUNDS) -> Figures:
    """Each once a round, so that whatever else the machine does meets all alike; one round goes before."""
    found = Figures()
    for number in range(rounds + 1):
        for name, measure in measures.items():
            value = await measure()
            if number:
                found.note(name, value)
    return found


def rate(work: Callable[[], object], seconds: float) -> float:
    """How often a second `work` is done, one after the other."""
    began, done = time.perf_counter(), 0
    while (spent := time.perf_counter() - began) < seconds:
        work()
        done += 1
    return done / spent


def place_in(folder: Path, name: str) -> Path:
    """A new folder for one side."""
    made = folder / name
    made.mkdir(parents=True)
    return made
