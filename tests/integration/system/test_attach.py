"""Attaching to a run through `kyros up`: watch, take the keyboard, type, give it back."""

import json
import os
import pty
import select
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.integration.system.house import RUN_SECONDS, Kyros

PARROT = Path(__file__).with_name("parrot.py")
PROFILE = f"""
title = "Parrot"
command = ["@python", "-P", "{PARROT}"]
tiers = ["terminal"]
is_model = false
install_hint = "It is part of the tests."

[terminal]
ready = '^>\\Z'
busy = 'at work'
"""


@pytest.fixture
def asking(kyros: Kyros, repo: Path) -> str:
    """A run whose program waits for somebody to type."""
    (kyros.home / "profiles").mkdir(parents=True)
    (kyros.home / "profiles" / "parrot.toml").write_text(PROFILE)
    kyros.start()
    made = kyros.delegate(repo, "Ask for its name.", agent="parrot")
    return str(made["run_id"])


@pytest.fixture
def socket(kyros: Kyros, asking: str) -> Iterator[ClientConnection]:
    with attached(kyros, asking) as found:
        yield found


def attached(kyros: Kyros, run_id: str, token: str = "", **more: Any) -> ClientConnection:
    address = str(kyros.http.base_url).replace("http", "ws", 1)
    headers = {"Authorization": f"Bearer {token}"} if token else {"Authorization": bearer(kyros)}
    found: ClientConnection = connect(
        f"{address.rstrip('/')}/api/runs/{run_id}/attach", additional_headers=headers, proxy=None, **more
    )
    return found


def bearer(kyros: Kyros) -> str:
    return str(kyros.http.headers["authorization"])


class Screen:
    """What came over a socket so far."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.output = b""
        self.said: list[dict[str, Any]] = []

    def until(self, kind: str) -> dict[str, Any]:
        while True:
            if found := [one for one in self.said if one["type"] == kind]:
                self.said.clear()
                return found[-1]
            self._hear()

    def shows(self, text: bytes) -> None:
        while text not in self.output:
            self._hear()

    def _hear(self) -> None:
        message = self.socket.recv(RUN_SECONDS)
        if isinstance(message, bytes):
            self.output += message
        else:
            self.said.append(json.loads(message))

    def say(self, **what: Any) -> None:
        self.socket.send(json.dumps(what))


def test_a_person_answers_what_the_driver_does_not_know(
    kyros: Kyros, asking: str, socket: ClientConnection
) -> None:
    screen = Screen(socket)
    assert screen.until("hello")["may_type"] is True
    assert (one := screen.until("size"))["columns"] == 120, one
    screen.shows(b"What is its name? ")
    screen.say(type="take")
    assert screen.until("keyboard")["yours"] is True
    socket.send(b"Ann")
    screen.shows(b"What is its name? Ann")
    screen.say(type="resize", columns=90, rows=30)
    while (size := screen.until("size"))["columns"] != 90:
        continue
    assert size["rows"] == 30
    socket.send(b"\r")
    screen.shows(b"done")
    assert kyros.get(f"/api/runs/{asking}")["status"] == "running"  # not over before it is given back
    screen.say(type="give")
    assert screen.until("keyboard")["yours"] is False
    assert screen.until("end")["status"] == "succeeded"
    run = kyros.finished(asking)
    assert run["status"] == "succeeded"
    diff = kyros.http.get(f"/api/runs/{asking}/diff").text
    assert "+Ann" in diff
    assert "+120x40" in diff  # the window is its own again
    recorded = (kyros.home / "recordings" / f"{asking}.cast").read_text().splitlines()[1:]
    marks = [content for _, kind, content in map(json.loads, recorded) if kind == "m"]
    assert marks[1:] == [
        "operator took the keyboard", "operator gave the keyboard back",
    ]  # fmt: skip


def test_one_holder_at_a_time_and_nobody_else_types(
    kyros: Kyros, asking: str, socket: ClientConnection
) -> None:
    first = Screen(socket)
    first.shows(b"What is its name? ")
    with attached(kyros, asking) as other:
        second = Screen(other)
        second.shows(b"What is its name? ")  # from the beginning on
        other.send(b"Bob\r")
        assert second.until("refused")["code"] == "keyboard_not_held"
        first.say(type="take")
        first.until("keyboard")
        second.say(type="take")
        refused = second.until("refused")
        assert refused["code"] == "lease_held"
        assert "operator" in refused["message"]
        socket.close()  # whoever leaves gives it back
        kyros.wait(lambda: _takes(second), RUN_SECONDS)
        other.send(b"Bob\r")
        second.say(type="give")
        assert second.until("end")["status"] == "succeeded"
    assert "+Bob" in kyros.http.get(f"/api/runs/{asking}/diff").text


def _takes(screen: Screen) -> bool:
    screen.say(type="take")
    while True:
        screen._hear()
        for one in screen.said:
            if one["type"] in ("keyboard", "refused"):
                screen.said.clear()
                return bool(one["type"] == "keyboard")


def test_coming_back_misses_nothing_and_repeats_nothing(
    kyros: Kyros, asking: str, socket: ClientConnection
) -> None:
    screen = Screen(socket)
    screen.shows(b"What is its name? ")
    screen.said.clear()  # the offset of what was shown comes right after it
    offset = screen.until("at")["offset"]
    with attached(kyros, asking) as other:
        other_screen = Screen(other)
        other_screen.say(type="take")
        other_screen.until("keyboard")
        other.send(b"Cleo\r")
        other_screen.say(type="give")
        other_screen.until("end")
    address = str(kyros.http.base_url).rstrip("/").replace("http", "ws", 1)
    later = connect(
        f"{address}/api/runs/{asking}/attach?after={offset}",
        additional_headers={"Authorization": bearer(kyros)},
        proxy=None,
    )
    with later:
        rest = Screen(later)
        rest.until("end")
    assert b"What is its name?" not in rest.output
    assert rest.output.startswith(b"Cleo")


@pytest.mark.parametrize(
    "message",
    ['{"type": "steal"}', "no JSON", '{"type": "resize", "columns": 0, "rows": 5}', '{"type":"take","x":1}'],
    ids=["unknown", "text", "window", "field"],
)
def test_what_is_not_understood_is_refused_and_the_socket_stays(
    kyros: Kyros, asking: str, socket: ClientConnection, message: str
) -> None:
    screen = Screen(socket)
    socket.send(message)
    assert screen.until("refused")["code"] == "message_refused"
    screen.shows(b"What is its name? ")


def test_strangers_are_not_let_in(kyros: Kyros, asking: str) -> None:
    refusals = []
    for run_id, token, more in (
        (asking, "nobody", {}),
        ("run_unknown", "", {}),
        (asking, "", {"origin": "http://evil.example"}),
    ):
        with pytest.raises(InvalidStatus) as refused, attached(kyros, run_id, token, **more):
            pass
        body = json.loads(bytes(refused.value.response.body or b""))
        refusals.append((refused.value.response.status_code, body["code"]))
    assert refusals == [(401, "unauthenticated"), (404, "run_not_found"), (403, "origin_refused")]


def test_a_browser_brings_its_token_as_a_protocol(kyros: Kyros, asking: str) -> None:
    address = str(kyros.http.base_url).rstrip("/").replace("http", "ws", 1)
    token = bearer(kyros).removeprefix("Bearer ")
    with connect(
        f"{address}/api/runs/{asking}/attach",
        subprotocols=["kyros.attach.v1", f"kyros.bearer.{token}"],  # type: ignore[list-item]
        proxy=None,
    ) as found:
        assert found.subprotocol == "kyros.attach.v1"
        assert Screen(found).until("hello")["run_id"] == asking


def test_a_server_that_ends_hangs_up_and_gives_the_keyboard_back(
    kyros: Kyros, asking: str, socket: ClientConnection
) -> None:
    screen = Screen(socket)
    screen.shows(b"What is its name? ")
    screen.say(type="take")
    screen.until("keyboard")
    kyros.child("server").kill()
    with pytest.raises(ConnectionClosed):
        screen.until("no such thing")
    kyros.wait(kyros.answers, RUN_SECONDS)
    with attached(kyros, asking) as again:
        second = Screen(again)
        kyros.wait(lambda: _takes(second), RUN_SECONDS)  # its lease has run out by then
        again.send(b"Dee\r")
        second.say(type="give")
        assert second.until("end")["status"] == "succeeded"


def test_a_client_that_leaves_in_the_middle_is_no_error(kyros: Kyros, asking: str) -> None:
    log = kyros.home / "logs/server.log"
    _show(kyros, asking, *["x" * 100_000] * 400)  # more than a connection buffers
    client = _command(kyros, asking, "--watch", stdout=subprocess.PIPE)
    assert client.stdout is not None
    assert client.stdout.read(10)
    port = _ports(psutil.Process(client.pid)) - {kyros.http.base_url.port}
    assert port
    client.kill()
    client.communicate()
    kyros.wait(lambda: not port & _ports(kyros.child("server")), RUN_SECONDS)
    with attached(kyros, asking) as other:
        Screen(other).until("hello")
    said = log.read_text()
    assert "Exception" not in said
    assert "Traceback" not in said


def test_a_server_that_is_stopped_says_so_and_ends_by_itself(
    kyros: Kyros, asking: str, socket: ClientConnection
) -> None:
    """Though a terminal is watched, a log followed, and an answer waited for that does not come."""
    screen = Screen(socket)
    screen.shows(b"What is its name? ")
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(_execute, kyros)
        kyros.wait(lambda: kyros.get("/api/pool/health")["workers"][1:], RUN_SECONDS)
        with kyros.http.stream("GET", f"/api/runs/{asking}/log") as log:
            lines = log.iter_lines()
            next(lines)
            assert kyros.stop() == 0
            list(lines)  # to an end that is one
        waiting.result()
    with pytest.raises(ConnectionClosed) as closed:
        screen.until("no such thing")
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012
    said = (kyros.home / "logs/server.log").read_text().splitlines()
    assert "Finished server process" in said[-1]


def _ports(process: psutil.Process) -> set[int]:
    """Of connections: those of a client are the other ends of its server's."""
    found = [(one.laddr, one.raddr) for one in process.net_connections("inet")]
    return {end.port for both in found for end in both if both[1]}


def _execute(kyros: Kyros) -> None:
    with suppress(httpx2.TransportError):
        kyros.post("/api/execute", {"prompt": "Wait.", "timeoutMs": 60_000, "profile": "parrot"})


def test_the_command_line_shows_and_types(kyros: Kyros, asking: str) -> None:
    ours, theirs = pty.openpty()
    command = _command(kyros, asking, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    try:
        _until(ours, b"What is its name? ")
        os.write(ours, b"\x1dt")
        _until(ours, b"the keyboard is yours")
        os.write(ours, b"Eve\r")
        _until(ours, b"done")
        os.write(ours, b"\x1d")
        os.write(ours, b"g")
        _until(ours, b"succeeded")
        assert command.wait(20) == 0
    finally:
        command.kill()
        command.wait()
        os.close(ours)
    assert "+Eve" in kyros.http.get(f"/api/runs/{asking}/diff").text


def test_watching_on_a_terminal_sends_nothing_and_leaves_it_as_it_was(kyros: Kyros, asking: str) -> None:
    _show(kyros, asking, "\x1b[?1049h\x1b[?1003hdraws\x1b[6n\x1b[c\x1b]11;?\x07 and asks")
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    command = _command(kyros, asking, "--watch", stdin=theirs, stdout=theirs, stderr=theirs)
    try:
        seen = _until(ours, b" and asks")
        os.write(ours, b"Eve\r\x1dt")  # would answer what the program asks, and take the keyboard
        seen += _until(ours, b"only watching")
        os.write(ours, b"\x03")
        seen += _until(ours, b"The run goes on")
        assert command.wait(20) == 0
        assert termios.tcgetattr(theirs) == before
        assert select.select([theirs], [], [], 0)[0] == []  # nothing is left for the shell
    finally:
        command.kill()
        command.wait()
        os.close(theirs)
        os.close(ours)
    assert seen.index(b"draws") < seen.index(b"\x1b[?1049l")
    assert b"\x1b[?1003l" in seen
    assert not [query for query in (b"\x1b[6n", b"\x1b[c", b"\x1b]11;?") if query in seen]
    assert kyros.get(f"/api/runs/{asking}")["status"] == "running"


def test_watching_into_a_pipe_ends_with_its_reader(kyros: Kyros, asking: str) -> None:
    _show(kyros, asking, *["x" * 100_000] * 20)
    command = _command(kyros, asking, "--watch", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert command.stdout is not None
    assert command.stderr is not None
    assert command.stdout.read(10)
    command.stdout.close()
    said = command.communicate(timeout=20)[1]
    assert said == b""  # as any command whose reader has enough


def _show(kyros: Kyros, run_id: str, *texts: str) -> None:
    """As if its program had printed this."""
    recording = kyros.home / "recordings" / f"{run_id}.cast"
    kyros.wait(lambda: recording.exists() and "its name" in recording.read_text(), RUN_SECONDS)
    with recording.open("a") as file:
        file.writelines(json.dumps([1.0, "o", text]) + "\n" for text in texts)


def _command(kyros: Kyros, run_id: str, *words: str, **files: Any) -> "subprocess.Popen[bytes]":
    """`kyros attach` as a process of its own."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("KYROS_")}
    return subprocess.Popen(
        [sys.executable, "-m", "kyros", "--home", str(kyros.home), "attach", run_id, *words],
        env=inherited | {"TERM": "xterm"},
        start_new_session=True,
        **files,
    )


def _until(terminal: int, text: bytes) -> bytes:
    seen, deadline = b"", time.monotonic() + RUN_SECONDS
    while text not in seen:
        assert time.monotonic() < deadline, seen
        if select.select([terminal], [], [], 1.0)[0]:
            seen += os.read(terminal, 65_536)
    return seen
