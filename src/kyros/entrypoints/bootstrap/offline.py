"""What the command line asks of a home itself, whether Kyros runs or not."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from kyros.collab.store import files as state_files
from kyros.drivers.adapters.profiles import load_profiles
from kyros.entrypoints.bootstrap.furnishing import rows_of
from kyros.entrypoints.home import Home
from kyros.entrypoints.migrate import database_of
from kyros.events.adapters import JsonlLines
from kyros.events.service.verify import Verdict, verify
from kyros.events.store import SqlEventLog
from kyros.infra.db import open_database
from kyros.kernel.settings import Settings


@dataclass(frozen=True)
class InstalledProfile:
    """`program` is the absolute path found, None when it is not installed."""

    name: str
    title: str
    is_model: bool
    is_proven: bool
    program: str | None
    install_hint: str


def profile_problems(home: Home) -> dict[str, str]:
    """Profile files that cannot be used: by name, what is wrong and what to do."""
    return {name: problem.message for name, problem in load_profiles(home.profiles).problems.items()}


def installed_profiles(home: Home) -> list[InstalledProfile]:
    """Every profile and whether its program is on the PATH."""
    profiles = load_profiles(home.profiles)
    return [
        InstalledProfile(
            one.name, one.title, one.is_model, one.is_proven, profiles.find_program(one), one.install_hint
        )
        for one in profiles.all()
    ]


@contextmanager
def state_keeping(settings: Settings) -> Iterator[state_files.Keeping]:
    """Which store the home uses, and moving between them, for the command line."""
    database = open_database(database_of(settings))
    try:
        yield state_files.Keeping(database, *rows_of(database), Home(settings.home).state)
    finally:
        database.close()


async def verify_events(settings: Settings) -> Verdict:
    """Looks at the event files of a home and at its log, whether Kyros runs or not."""
    database = open_database(database_of(settings))
    try:
        return await verify(JsonlLines(Home(settings.home).events), SqlEventLog(database))
    finally:
        database.close()
