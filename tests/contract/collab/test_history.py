"""Whatever many hands do, in whatever order: every store does what was promised, as all the others do."""

import shutil
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import initialize, run_state_machine_as_test

from kyros.infra.db import PostgresPlace, metadata, open_engine
from kyros.kernel.clock import Clock
from tests.contract.collab.history_of_agents import AgentRules
from tests.contract.collab.history_of_leases import LeaseRules
from tests.contract.collab.history_of_tasks import TaskRules
from tests.contract.collab.history_sides import FileSide, Side, SideMaker, SqlSide


class History(TaskRules, LeaseRules, AgentRules):
    @initialize()
    def begin(self) -> None:
        self.sides = [make(self.clock) for make in self.makers]
        self.everywhere(lambda side: side.open())
        self.restart()
        self.look()
        for depends_on in ([], ["T-1"], ["T-1", "T-2"]):
            self.create("ada", depends_on, [], None)
            self.look()
        self.register("bo", [])


def play(makers: list[SideMaker], examples: int, steps: int) -> None:
    machine = type("ThisHistory", (History,), {"makers": makers})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[Path]:
    """Ever new folders, each with a database file that has every table."""
    template = tmp_path / "template.db"
    engine = open_engine(template)
    metadata.create_all(engine)
    engine.dispose()

    def fresh() -> Iterator[Path]:
        for number in count():
            folder = Path(tempfile.mkdtemp(prefix=f"{number}-", dir=tmp_path))
            shutil.copy(template, folder / "kyros.db")
            yield folder

    return fresh()


def test_the_promises_hold() -> None:
    play([Side], 100, 50)


def test_files_sqlite_and_postgres_do_the_same_step_by_step(
    folders: Iterator[Path], postgres_place: PostgresPlace
) -> None:
    def files(clock: Clock) -> Side:
        return FileSide(next(folders) / "kyros.db", clock)

    def sqlite(clock: Clock) -> Side:
        return SqlSide("sqlite", next(folders) / "kyros.db", clock)

    def postgres(clock: Clock) -> Side:
        empty(postgres_place)
        return SqlSide("postgres", postgres_place, clock)

    play([Side, files, sqlite, postgres], 20, 40)


def empty(place: PostgresPlace) -> None:
    """As if new, numbers included."""
    engine = open_engine(place)
    with engine.connect() as connection:
        names = ", ".join(metadata.tables)
        connection.exec_driver_sql(f"TRUNCATE {names} RESTART IDENTITY")
    engine.dispose()
