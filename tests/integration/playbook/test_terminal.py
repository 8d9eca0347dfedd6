"""playbook in a real terminal: banner, editing, approvals, cancelling, quitting."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kyros.drivers.adapters.terminal.pty import Pty
from kyros.drivers.adapters.terminal.screen import Screen

TASK = "```text file=a.txt\na\n```\n```text file=b.txt\nb\n```\n```sh run\necho ran > c.txt\n```\n"


class Person:
    """Somebody at a terminal: types, and waits until the screen shows something."""

    def __init__(self, folder: Path) -> None:
        self.raw = bytearray()
        self.screen = Screen(100, 30)
        self.gone = asyncio.Event()
        self.folder = folder
        self.pty = Pty(self._see, self.gone.set)

    def _see(self, data: bytes) -> None:
        self.raw += data
        self.screen.feed(data)

    async def start(self, environment: dict[str, str]) -> None:
        argv = [sys.executable, "-P", "-m", "kyros.entrypoints.playbook"]
        await self.pty.start(argv, self.folder, environment, 100, 30)

    async def sees(self, pattern: str) -> str:
        async with asyncio.timeout(20):
            while not re.search(pattern, self.screen.live(30), re.MULTILINE):
                await asyncio.sleep(0.005)
        return self.screen.live(30)

    def types(self, keys: str) -> None:
        self.pty.write(keys.encode())

    async def says(self, line: str) -> None:
        await self.sees(r"^>\Z")
        self.types(line + "\r")


@pytest.fixture
async def person(tmp_path: Path) -> AsyncIterator[Person]:
    (tmp_path / "work").mkdir()
    (tmp_path / "work/TASK.md").write_text(TASK)
    person = Person(tmp_path / "work")
    await person.start({"PATH": os.environ["PATH"], "TERM": "xterm-256color", "HOME": str(tmp_path)})
    yield person
    await person.pty.stop()


async def test_the_banner_says_what_it_is(person: Person) -> None:
    screen = await person.sees(r"^>\Z")
    assert "Model: none (playbook carries out TASK.md to the letter; it is not a model)" in screen


async def test_the_letters_of_an_approval_are_coloured_one_by_one(person: Person) -> None:
    await person.says("Read TASK.md")
    await person.sees(r"^Allow this action\? \[y/n/t\]:\Z")
    assert b"[y/n/t]" not in person.raw


@pytest.mark.parametrize("letter", ["y", "Y"])
async def test_yes_allows_one_action_and_the_next_is_asked(person: Person, letter: str) -> None:
    await person.says("Read TASK.md")
    await person.sees(r"fs_write - a.txt\nAllow this action\? \[y/n/t\]:\Z")
    person.types(f"{letter}\r")
    await person.sees(r"fs_write - b.txt\nAllow this action\? \[y/n/t\]:\Z")
    assert (person.folder / "a.txt").read_text() == "a\n"


@pytest.mark.parametrize("letter", ["t", "T"])
async def test_trust_allows_the_kind_for_the_session_and_no_other_kind(person: Person, letter: str) -> None:
    await person.says("Read TASK.md")
    await person.sees(r"fs_write - a.txt\nAllow this action\? \[y/n/t\]:\Z")
    person.types(f"{letter}\r")
    await person.sees(r"execute_bash - echo ran > c.txt\nAllow this action\? \[y/n/t\]:\Z")
    assert (person.folder / "b.txt").exists()
    person.types("y\r")
    await person.says("Read TASK.md again")
    await person.sees(r"TASK.md again\n(.*\n)*.*execute_bash - .*\nAllow this action\? \[y/n/t\]:\Z")


@pytest.mark.parametrize("answer", ["n", "", "yes", "please use another name"])
async def test_anything_else_denies_and_is_taken_as_a_message(person: Person, answer: str) -> None:
    await person.says("Read TASK.md")
    await person.sees(r"\[y/n/t\]:\Z")
    person.types(f"{answer}\r")
    screen = await person.sees(r"^✗ Failed: .*\n>\Z")
    assert "fs_write - a.txt was denied" in screen
    assert "is no approval: playbook takes it as a message" in screen
    assert not (person.folder / "a.txt").exists()


async def test_answers_typed_ahead_approve_nothing(person: Person) -> None:
    await person.sees(r"^>\Z")
    person.types("Read TASK.md\ry\ry\ry\r")
    await person.sees(r"fs_write - a.txt\nAllow this action\? \[y/n/t\]:\Z")
    person.types("n\r")
    await person.sees(r"^✗ Failed: .*\n>\Z")
    assert not (person.folder / "a.txt").exists()


async def test_a_line_can_be_edited(person: Person) -> None:
    await person.sees(r"^>\Z")
    person.types("Raed\x7f\x7f\x7fead 漢字\x7f\x7f\x1b[A\x1b[D\x1bOBTASK.md")
    await person.sees(r"^> Read TASK.md\Z")
    person.types("\x15")
    await person.sees(r"^>\Z")


async def test_a_paste_keeps_its_lines_and_sends_nothing(person: Person) -> None:
    await person.sees(r"^>\Z")
    assert person.screen.takes_pastes
    person.types("\x1b[200~one\r> two\n")
    await asyncio.sleep(0.05)
    person.types("[y/n/t]\x1b[20")
    person.types("1~!")
    await person.sees(r"^> one\n  > two\n  \[y/n/t\]!\Z")


async def test_ctrl_c_cancels_the_turn_and_its_command(person: Person) -> None:
    (person.folder / "TASK.md").write_text("```sh run\nsleep 1000 & wait; echo survived > c.txt\n```\n")
    await person.says("Read TASK.md")
    await person.sees(r"\[y/n/t\]:\Z")
    person.types("y\r")
    await person.sees(r"Running .*ctrl\+c cancels\)\Z")
    person.types("\x03")
    await person.sees(r"^✗ Failed: cancelled.*\n>\Z")
    assert not (person.folder / "c.txt").exists()


async def test_ctrl_c_at_the_prompt_drops_the_line_and_stays(person: Person) -> None:
    await person.sees(r"^>\Z")
    person.types("half a li")
    await person.sees(r"^> half a li\Z")
    person.types("\x03")
    await person.sees(r"^> half a li\nCtrl-D quits\.\n>\Z")


@pytest.mark.parametrize("keys", ["\x04", "/quit\r"])
async def test_it_quits_when_asked(person: Person, keys: str) -> None:
    await person.sees(r"^>\Z")
    person.types(keys)
    async with asyncio.timeout(20):
        await person.gone.wait()
    assert person.pty.exit_code == 0


async def test_sigterm_ends_it_and_leaves_the_terminal_as_it_was(person: Person) -> None:
    await person.sees(r"^>\Z")
    os.kill(person.pty.pid, signal.SIGTERM)
    async with asyncio.timeout(20):
        await person.gone.wait()
    assert person.pty.exit_code == 143
    assert not person.screen.takes_pastes


async def test_it_starts_in_a_folder_that_shadows_the_standard_library(tmp_path: Path) -> None:
    folder = tmp_path / "hostile"
    (folder / "kyros").mkdir(parents=True)
    for name in ("re.py", "signal.py", "subprocess.py", "kyros/__init__.py"):
        (folder / name).write_text("raise SystemExit('shadowed')\n")
    person = Person(folder)
    await person.start({})
    await person.sees(r"^>\Z")
    await person.pty.stop()
