"""A terminal program behind what confines it: its keys, Ctrl-C, window size and end are its own."""

import asyncio
import fcntl
import struct
import termios
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kyros.drivers.adapters.terminal.pty import Pty
from kyros.fleet.adapters.containment import Containment
from kyros.fleet.adapters.machine import LocalMachine
from tests.sandboxes import needs_bubblewrap

PROGRAM = """
import os, signal, sys, time
def say(text): os.write(1, (text + "\\n").encode())
signal.signal(signal.SIGINT, lambda *_: say("interrupted"))
signal.signal(signal.SIGWINCH, lambda *_: say("size %d %d" % os.get_terminal_size()))
say("size %d %d, controlled %s" % (*os.get_terminal_size(), os.open("/dev/tty", os.O_RDWR) > 0))
while True:
    keys = os.read(0, 100)
    if keys == b"q":
        sys.exit(5)
    say("keys " + keys.decode())
"""


class Window:
    def __init__(self) -> None:
        self.said = ""
        self.gone = asyncio.Event()
        self.pty = Pty(lambda data: setattr(self, "said", self.said + data.decode()), self.gone.set)

    async def shows(self, text: str) -> None:
        async with asyncio.timeout(30):
            while text not in self.said:
                await asyncio.sleep(0.01)


@pytest.fixture(params=[pytest.param("bubblewrap", marks=needs_bubblewrap), "off"])
async def window(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Window]:
    machine = LocalMachine("terminal", tmp_path / "agents", (), Containment(mode=request.param))
    worktree = tmp_path / "worktree"
    worktree.mkdir()
    (worktree / "program.py").write_text(PROGRAM)
    env = dict(machine.agent_env("run_1.turn_1", (), {}))
    prefix = await machine.confine("run_1.turn_1", worktree, (), env)
    window = Window()
    await window.pty.start([*prefix, "/usr/bin/python3", "program.py"], worktree, env, 100, 30)
    yield window
    await window.pty.stop()


async def test_it_has_its_terminal_with_keys_and_size(window: Window) -> None:
    await window.shows("size 100 30, controlled True")
    window.pty.write(b"abc")
    await window.shows("keys abc")
    fcntl.ioctl(window.pty._master, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 132, 0, 0))
    await window.shows("size 132 40")


async def test_ctrl_c_is_the_programs_and_ends_nothing(window: Window) -> None:
    await window.shows("controlled True")
    window.pty.write(b"\x03")
    await window.shows("interrupted")
    window.pty.write(b"still here")
    await window.shows("keys still here")


async def test_its_end_is_seen_as_it_was(window: Window) -> None:
    await window.shows("controlled True")
    window.pty.write(b"q")
    async with asyncio.timeout(30):
        await window.gone.wait()
    assert window.pty.exit_code == 5
