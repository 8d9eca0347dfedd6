"""Servers under test, each a process of its own on a home of its own: Kyros, and the references."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from kyros.collab.model import Which
from kyros.collab.ports import CollabStore
from kyros.collab.store import SqlCollabStore
from kyros.collab.store.files.tables import put_fact
from kyros.entrypoints.bootstrap import operator_token
from kyros.entrypoints.home import Home
from kyros.entrypoints.migrate import upgrade
from kyros.events.store import SqlEventLog
from kyros.infra.db import Database, Place, open_database
from kyros.infra.files import prepare_home

KYROS = "kyros.entrypoints.server"
_UNLIMITED = {f"KYROS_RATE_{name}": "999999999/second" for name in ("READ", "WRITE")}
_START_SECONDS = 30.0


@dataclass(frozen=True)
class Served:
    process: "subprocess.Popen[bytes]"
    port: int
    token: str

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.port


@asynccontextmanager
async def prepared(root: Path, place: Place | None = None) -> AsyncIterator[tuple[Database, CollabStore]]:
    """A home that keeps its tasks in rows, open to be filled before it is served."""
    home = Home(prepare_home(root))
    upgrade(place or home.database)
    home.installation()
    database = open_database(place or home.database)
    try:
        if place is None:
            await database.write(lambda connection: put_fact(connection, "store", Which.SQL.value))
        yield database, SqlCollabStore(database, SqlEventLog(database))
    finally:
        database.close()


@contextmanager
def serving(
    root: Path, module: str = KYROS, *arguments: str, environment: Mapping[str, str] | None = None
) -> Iterator[Served]:
    """`module` on a prepared home, listening; ended by its own id."""
    hears, holds = os.pipe()  # it ends with us, whatever ends us
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        number = listener.fileno()
        plain = {name: value for name, value in os.environ.items() if not name.startswith("KYROS_")}
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments, "--fd", str(number), "--lifeline", str(hears)],
            env={**plain, **_UNLIMITED, "KYROS_HOME": str(root), **(environment or {})},
            pass_fds=[number, hears],
        )
        os.close(hears)
        port = listener.getsockname()[1]
    try:
        served = Served(process, port, operator_token(Home(root)))
        _wait_until_served(served)
        yield served
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        os.close(holds)


def _wait_until_served(served: Served) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if served.process.poll() is not None:
            raise SystemExit(f"{served.process.args} ended with {served.process.returncode}")
        try:
            with socket.create_connection(served.address, 5) as probe:
                probe.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                if probe.recv(12) == b"HTTP/1.1 200":
                    return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"{served.process.args} does not answer")
