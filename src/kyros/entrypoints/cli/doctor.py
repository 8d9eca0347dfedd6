"""`kyros doctor`: what is installed, what is missing, what to do. Needs no server."""

import asyncio
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import typer
from rich.text import Text

from kyros.entrypoints.cli.client import Client
from kyros.entrypoints.cli.failures import RunFailed
from kyros.entrypoints.cli.show import plain_table
from kyros.entrypoints.cli.state import Json, state_of
from kyros.entrypoints.home import Home
from kyros.infra.files import prepare_home
from kyros.kernel.errors import KyrosError
from kyros.kernel.settings import read_settings

_LOW_DISK_BYTES = 1_000_000_000


@dataclass(frozen=True)
class Finding:
    """`needed`: without it the main job does not work."""

    name: str
    ok: bool
    needed: bool
    note: str
    advice: str = ""


def add_to(app: typer.Typer) -> None:
    app.command("doctor")(doctor)


def doctor(context: typer.Context, as_json: Json = False) -> None:
    """Check this machine; exit 1 when something needed is missing."""
    state = state_of(context)
    findings = list(_findings(state.home))
    if as_json:
        state.show_json([asdict(finding) for finding in findings])
    else:
        table = plain_table("", "what", "found", "what to do")
        for one in findings:
            mark = Text("✓", "green") if one.ok else Text("✗", "red") if one.needed else Text("-", "yellow")
            table.add_row(mark, one.name, Text(one.note), Text(one.advice))
        state.out.print(table)
    if missing := [one.name for one in findings if one.needed and not one.ok]:
        raise RunFailed(f"Needed and missing: {', '.join(missing)}.")


def _findings(home: Path) -> Iterator[Finding]:
    from kyros.entrypoints.bootstrap import (  # the whole house: only where it is needed
        installed_profiles,
        profile_problems,
    )
    from kyros.entrypoints.console import STATIC

    yield Finding("python", sys.version_info >= (3, 11), True, platform.python_version(), "")
    yield _program("git", "git", True, "Install git 2.30 or newer.")
    yield from _home_findings(home)
    yield _server(home)
    built = (STATIC / "index.html").is_file()
    yield Finding("console", built, False, "built" if built else "not built", "" if built else "make console")
    yield _sandbox(home)
    for profile in installed_profiles(Home(home)):
        found = profile.program is not None
        kind = "" if profile.is_model else " (not a model)"
        proven = (
            "" if profile.is_proven else " (its profile is not proven: nobody drove the real program with it)"
        )
        title = f"{profile.title}{kind}{proven}"
        yield Finding(f"agent {profile.name}", found, False, title, "" if found else profile.install_hint)
    for name, problem in profile_problems(Home(home)).items():
        yield Finding(f"agent {name}", False, False, "its profile cannot be used", problem)


def _home_findings(home: Path) -> Iterator[Finding]:
    try:
        root = prepare_home(home)
    except KyrosError as error:
        yield Finding("home", False, True, str(home), error.message)
        return
    yield Finding("home", os.access(root, os.W_OK), True, str(root))
    free = shutil.disk_usage(root).free
    advice = "" if free > _LOW_DISK_BYTES else "Free some space: worktrees and recordings need it."
    yield Finding("disk", free > _LOW_DISK_BYTES, False, f"{free // 1_000_000_000} GB free", advice)
    database = _database(root)
    yield database
    if database.ok:
        yield from _state(root)


def _state(root: Path) -> Iterator[Finding]:
    """Where tasks, leases and agents are kept; nothing before the first start."""
    from kyros.entrypoints.bootstrap import state_keeping
    from kyros.entrypoints.migrate import current_revision, database_of

    settings = read_settings(root)
    if current_revision(database_of(settings)) is None:
        return
    with state_keeping(settings) as keeping:
        kept = asyncio.run(keeping.look())
    yield Finding("state", not kept.outgrown, False, kept.in_words, kept.advice)


def _sandbox(home: Path) -> Finding:
    from kyros.entrypoints.bootstrap import containment_of

    try:
        settings = read_settings(home)
    except KyrosError as error:
        return Finding("sandbox", False, False, "unknown", error.message)
    found = containment_of(settings, Home(settings.home)).in_force()
    needed = settings.sandbox == "bubblewrap"
    return Finding("sandbox", found.is_sandbox, needed, found.note, found.advice)


def _database(root: Path) -> Finding:
    from kyros.entrypoints.migrate import current_revision, database_of, newest_revision

    try:
        place = database_of(read_settings(root))
        now, newest = current_revision(place), newest_revision()
    except KyrosError as error:
        return Finding("database", False, True, "cannot be used", error.message)
    where = "SQLite" if isinstance(place, Path) else str(place)
    fine = now in (None, newest)
    note = f"{where}, {f'at {now}' if now else 'made at first start'}"
    return Finding("database", fine, False, note, "" if fine else "kyros db upgrade")


def _server(home: Path) -> Finding:
    try:
        client = Client(home)
        ready = client.get("/readyz")
    except KyrosError as error:
        return Finding("server", False, False, "not running", error.message)
    notes = ", ".join(
        f"{name}: {check['note']}"
        for name, check in ready["checks"].items()
        if not check["ok"] or (name == "drift" and check["note"] != "nothing found")
    )
    return Finding("server", ready["ok"], False, client.address, notes)


def _program(name: str, command: str, needed: bool, advice: str) -> Finding:
    path = shutil.which(command)
    if path is None:
        return Finding(name, False, needed, "not found", advice)
    said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=False)
    return Finding(name, True, needed, (said.stdout or said.stderr).strip().splitlines()[0])
