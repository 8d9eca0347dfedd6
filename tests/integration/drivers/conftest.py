"""Small terminal programs written for one test each, and a driver with little patience."""

import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from kyros.drivers.adapters.terminal.driver import TerminalDriver
from kyros.drivers.adapters.terminal.session import Patience
from kyros.drivers.model import Profile, TerminalSignals, Tier

HASTY = Patience(start=20, start_still=0.6, accept=1, dialog=0.6, silence=0.6, unseen_work=0.3, approval=1)

SIGNALS = TerminalSignals(
    ready=r"^ready>\Z",
    busy=r"^working\Z",
    approval=r"^OK\? \(y/n\)\Z",
    submit_settle_ms=20,
    done_settle_ms=50,
)

MakeProgram = Callable[..., Profile]


@pytest.fixture
def program(plain_program: MakeProgram) -> MakeProgram:
    """A profile for a Python program given as text; its keys are raw, as agents have them."""

    def make(source: str, signals: TerminalSignals = SIGNALS) -> Profile:
        return plain_program("import tty\ntty.setraw(0)\n" + textwrap.dedent(source), signals)

    return make


@pytest.fixture
def plain_program(tmp_path: Path) -> MakeProgram:
    """The same, with the terminal as we hand it over."""

    def make(source: str, signals: TerminalSignals = SIGNALS) -> Profile:
        file = tmp_path / "program.py"
        prelude = "import os, sys, time\nwrite = lambda s: os.write(1, s.encode())\n"
        file.write_text(prelude + textwrap.dedent(source))
        return Profile(
            name="program",
            title="Program",
            command=(sys.executable, "-P", str(file)),
            tiers=(Tier.TERMINAL,),
            is_model=False,
            install_hint="",
            terminal=signals,
        )

    return make


@pytest.fixture
def hasty() -> TerminalDriver:
    return TerminalDriver(HASTY)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder
