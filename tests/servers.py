"""Real PostgreSQL and Redis servers for tests: started on free ports, ended with the session."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from itertools import count
from pathlib import Path

import psycopg
import pytest
import redis

from kyros.infra.db import PostgresPlace, metadata, open_engine, place_of

START_SECONDS = 30
STORES = (
    "kyros.auth.store",
    "kyros.auth.store",
    "kyros.collab.store",
    "kyros.collab.store.files.tables",
    "kyros.delegation.store",
    "kyros.engine.adapters.embedded.table",
    "kyros.events.store",
    "kyros.fleet.store",
    "kyros.forge.store",
    "kyros.infra.answers",
)
"""They bring the tables."""
_numbers = count(1)
_CALM = {"LC_ALL": "C.UTF-8", "PATH": os.environ.get("PATH", "")}


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A server of its own, durable as in earnest; the URL names its first database."""
    with new_postgres() as server, server.running():
        yield server.url


@pytest.fixture(scope="session")
def _template(postgres_url: str) -> str:
    """The name of a database with every table."""
    for name in STORES:
        import_module(name)
    place = _make(postgres_url, "kyros_template", "template0")
    engine = open_engine(place)
    metadata.create_all(engine)
    engine.dispose()
    return "kyros_template"


@pytest.fixture
def postgres_place(postgres_url: str, _template: str) -> Iterator[PostgresPlace]:
    """A database of the test's own, with every table."""
    yield from _database(postgres_url, _template)


@pytest.fixture
def empty_postgres(postgres_url: str) -> Iterator[PostgresPlace]:
    """A database of the test's own, with no table."""
    yield from _database(postgres_url, "template0")


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A server of its own that keeps nothing."""
    program = _program("redis-server")
    with _folder("kyros-redis-") as folder:
        port = _free_port()
        url = f"redis://127.0.0.1:{port}/0"

        def answers() -> None:
            with redis.Redis.from_url(url) as client:
                client.ping()

        serve = [program, "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder)]
        with _running([*serve, "--save", "", "--appendonly", "no"], folder, answers):
            yield url


@dataclass(frozen=True)
class PostgresServer:
    """A cluster on the disk; served while `running`."""

    folder: Path
    port: int

    @property
    def url(self) -> str:
        return f"postgresql://kyros@127.0.0.1:{self.port}/postgres"

    @contextmanager
    def running(self) -> Iterator[None]:
        data, socket_folder = str(self.folder / "data"), str(self.folder)
        serve = [_program("postgres"), "-D", data, "-k", socket_folder, "-p", str(self.port)]
        settings = ["-c", "listen_addresses=127.0.0.1", "-c", "max_connections=300"]
        with _running([*serve, *settings], self.folder, lambda: psycopg.connect(self.url).close()):
            yield


@contextmanager
def new_postgres() -> Iterator[PostgresServer]:
    """A cluster that sorts by bytes and trusts whoever reaches it; gone afterwards."""
    with _folder("kyros-postgres-") as folder:
        make = [_program("initdb"), "-D", str(folder / "data"), "-U", "kyros", "-A", "trust", "-E", "UTF8"]
        command = [*_as_nobody(), *make, "--locale=C"]
        made = subprocess.run(command, env=_CALM, cwd=folder, capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stderr
        yield PostgresServer(folder, _free_port())


def _database(url: str, template: str) -> Iterator[PostgresPlace]:
    name = f"t{next(_numbers)}"
    yield _make(url, name, template)
    with psycopg.connect(url, autocommit=True) as session:
        session.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[arg-type]  # a name made here


def _make(url: str, name: str, template: str) -> PostgresPlace:
    with psycopg.connect(url, autocommit=True) as session:
        session.execute(f"CREATE DATABASE {name} TEMPLATE {template}")  # type: ignore[arg-type]  # a name made here
    place = place_of(f"{url.rpartition('/')[0]}/{name}", Path())
    assert isinstance(place, PostgresPlace)
    return place


def _program(name: str) -> str:
    """Debian keeps PostgreSQL's servers off the PATH; the newest is taken."""
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    found = str(versions[-1]) if versions else shutil.which(name)
    if found is None:
        pytest.fail(
            f"{name} is not installed: `make services` installs what these tests need.", pytrace=False
        )
    return found


def _as_nobody() -> list[str]:
    """Ends with us, even by kill -9; PostgreSQL refuses to run as root."""
    alone = ["setpriv", "--pdeathsig", "INT"]
    if os.getuid() != 0:
        return alone
    user = _nobody()
    return [*alone, f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


def _nobody() -> pwd.struct_passwd:
    return pwd.getpwnam("nobody")


@contextmanager
def _folder(prefix: str) -> Iterator[Path]:
    """Its own, and short: a path to a socket may not be long."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))
    try:
        if os.getuid() == 0:
            os.chown(folder, _nobody().pw_uid, _nobody().pw_gid)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running(command: list[str], folder: Path, answers: Callable[[], None]) -> Iterator[None]:
    said = folder / "log"
    with said.open("wb") as log:
        process = subprocess.Popen(
            [*_as_nobody(), *command], env=_CALM, cwd=folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )
    try:
        _wait_until(answers, process, said)
        yield
    finally:
        process.send_signal(2)
        try:
            process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until(answers: Callable[[], None], process: "subprocess.Popen[bytes]", said: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            answers()
            return
        except (psycopg.Error, redis.RedisError) as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{process.args} does not serve: {said.read_text()}") from error
            time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
