"""`kyros attach RUN`: a run's terminal in one's own; watching first, typing when asked for."""

import asyncio
import json
import os
import shutil
import signal
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Annotated, Any

import typer
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from kyros.entrypoints.cli.client import part, refusal_of
from kyros.entrypoints.cli.failures import Usage
from kyros.entrypoints.cli.queries import WithoutQueries
from kyros.entrypoints.cli.runs import RunId, run_of
from kyros.entrypoints.cli.state import State, state_of

_USUAL = (
    b"\x18\x1b[?1049l\x1b[?2004l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1004l\x1b[?1006l\x1b[?1l\x1b>\x1b[<u"
    b"\x1b7\x1b[r\x1b8\x1b(B\x0f\x1b[?7h\x1b[?25h\x1b[0m"
)
_ESCAPE = b"\x1d"
"""Ctrl-]: the key that is ours, as with telnet."""
_HELP = "Ctrl-] then: t takes the keyboard, g gives it back, d leaves"
_WATCHING = "only watching: Ctrl-C leaves"
_READ_BYTES = 4096


def add_to(app: typer.Typer) -> None:
    app.command("attach")(attach)


def attach(
    context: typer.Context,
    run_id: RunId,
    watching: Annotated[bool, typer.Option("--watch", help="Only watch: nothing you type goes out.")] = False,
) -> None:
    """The live terminal of a run. Ctrl-] then t takes the keyboard, g gives it back, d leaves."""
    state = state_of(context)
    if not watching and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Usage("Attaching needs a terminal to type in: use --watch, or `kyros run log`.")
    seen = asyncio.run(_attach(state, run_of(state, run_id)["id"], watching))
    state.out.print(f"\n{seen}")


async def _attach(state: State, run_id: str, watching: bool) -> str:
    client = state.client()
    address = client.address.replace("http", "ws", 1) + f"/api/runs/{part(run_id)}/attach"
    try:
        async with connect(address, additional_headers=client.headers, max_size=None, proxy=None) as socket:
            return await Terminal(socket, run_id, watching).show()
    except InvalidStatus as refused:
        raise refusal_of(refused.response.status_code, bytes(refused.response.body or b"")) from None
    except BrokenPipeError:
        raise  # whoever reads what we show is gone
    except (OSError, WebSocketException) as error:
        raise client.unreachable(error) from error


class Terminal:
    """Ours, for as long as it shows the run's."""

    def __init__(self, socket: ClientConnection, run_id: str, watching: bool) -> None:
        self._socket = socket
        self._run_id = run_id
        self._watching = watching
        self._holds = False
        self._after_escape = False
        self._outgoing: asyncio.Queue[str | bytes] = asyncio.Queue()
        self._shown = WithoutQueries() if sys.stdout.isatty() else bytes
        self._over: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def show(self) -> str:
        """Until the run ends or one leaves; what to say then."""
        with self._raw():
            self._tell(_WATCHING if self._watching else _HELP)
            both: list[asyncio.Future[None]] = [
                asyncio.create_task(self._read()),
                asyncio.create_task(self._write()),
            ]
            try:
                ends: list[asyncio.Future[Any]] = [self._over, *both]
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                for task in both:
                    if task.done():
                        task.result()
                return await self._over
            finally:
                for task in both:
                    task.cancel()
                await asyncio.gather(*both, return_exceptions=True)

    async def _write(self) -> None:
        with suppress(ConnectionClosed):
            while True:
                await self._socket.send(await self._outgoing.get())
        await asyncio.wait({self._over})  # whoever reads hears of it

    async def _read(self) -> None:
        try:
            async for message in self._socket:
                if isinstance(message, bytes):
                    _write(self._shown(message))
                else:
                    self._hear(json.loads(message))
        except ConnectionClosed as closed:
            self._end(f"The server hung up ({closed}): `kyros attach {self._run_id}` comes back.")
        self._end(f"The server hung up: `kyros attach {self._run_id}` comes back.")

    def _hear(self, said: dict[str, Any]) -> None:
        match said["type"]:
            case "keyboard":
                self._holds = said["yours"]
                self._tell("the keyboard is yours" if self._holds else "the keyboard is not yours")
                if self._holds:
                    self._send_size()
            case "refused":
                self._tell(said["message"])
            case "end":
                self._end(f"Run {self._run_id} {said['status']}.")

    def _pressed(self) -> None:
        keys = os.read(sys.stdin.fileno(), _READ_BYTES)
        if not keys:
            self._end("Left.")
        before, escape, after = keys.partition(_ESCAPE)
        if self._after_escape:
            self._command(keys[:1])
            self._after_escape = False
            before, escape, after = keys[1:].partition(_ESCAPE)
        self._type(before)
        if escape and after:
            self._command(after[:1])
            self._type(after[1:])
        elif escape:
            self._after_escape = True

    def _command(self, key: bytes) -> None:
        match key:
            case b"t" | b"g" if self._watching:
                self._tell(_WATCHING)
            case b"t":
                self._send({"type": "take"})
            case b"g":
                self._send({"type": "give"})
            case b"d" | b"q":
                self._end(f"The run goes on: `kyros attach {self._run_id}` comes back.")
            case b"\x1d":
                self._type(_ESCAPE)
            case _:
                self._tell(_HELP)

    def _type(self, keys: bytes) -> None:
        if keys and self._holds:
            self._outgoing.put_nowait(keys)
        elif b"\x03" in keys:
            self._end(f"The run goes on: `kyros attach {self._run_id}` comes back.")

    def _send_size(self) -> None:
        columns, rows = shutil.get_terminal_size()
        if self._holds:
            self._send({"type": "resize", "columns": columns, "rows": rows})

    def _send(self, said: dict[str, Any]) -> None:
        self._outgoing.put_nowait(json.dumps(said))

    def _tell(self, what: str) -> None:
        """In the title, and in the last line; where nobody looks on, not at all."""
        if not sys.stdout.isatty():
            return
        _write(f"\x1b]2;kyros {self._run_id}: {what}\x07".encode())
        _write(f"\x1b7\x1b[999;1H\x1b[2K\x1b[7m {what} \x1b[0m\x1b8".encode())

    def _end(self, why: str) -> None:
        if not self._over.done():
            self._over.set_result(why)

    @contextmanager
    def _raw(self) -> Iterator[None]:
        """Keys one by one, where somebody looks on; the terminal as it was when this leaves."""
        with self._keys() if sys.stdin.isatty() and sys.stdout.isatty() else nullcontext(), _put_back():
            yield

    @contextmanager
    def _keys(self) -> Iterator[None]:
        loop, keyboard = asyncio.get_running_loop(), sys.stdin.fileno()
        before = termios.tcgetattr(keyboard)
        tty.setraw(keyboard)
        loop.add_reader(keyboard, self._pressed)
        loop.add_signal_handler(signal.SIGWINCH, self._send_size)
        try:
            yield
        finally:
            loop.remove_reader(keyboard)
            loop.remove_signal_handler(signal.SIGWINCH)
            # flushed: what was typed in here is not for the shell
            termios.tcsetattr(keyboard, termios.TCSAFLUSH, before)


@contextmanager
def _put_back() -> Iterator[None]:
    """What a program may have set in a terminal is as usual when this leaves."""
    try:
        yield
    finally:
        if sys.stdout.isatty():
            with suppress(OSError):
                _write(_USUAL)


def _write(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
