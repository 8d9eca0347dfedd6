"""Recordings of real programs, where this machine has them."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

RECORDINGS = Path(__file__).parents[4] / "shared" / "recordings"


@dataclass(frozen=True)
class Cast:
    """A terminal session: what was printed between the named moments, and the screen at each of them."""

    columns: int
    rows: int
    entries: list[tuple[str, str]]
    screens: list[tuple[str, str]]

    def printed(self) -> bytes:
        return "".join(data for kind, data in self.entries if kind == "o").encode()


def recording(name: str) -> Path:
    file = RECORDINGS / name
    if not file.exists():
        pytest.skip(f"NO RECORDING: {name} is not in {RECORDINGS}: put the recordings there to run this test")
    return file


@pytest.fixture
def cast(request: pytest.FixtureRequest) -> Cast:
    name = request.param
    head, *entries = (json.loads(line) for line in recording(f"{name}.tui.cast").read_text().splitlines())
    return Cast(
        head["width"],
        head["height"],
        [(kind, data) for _, kind, data in entries],
        [*_screens(recording(f"{name}.tui.screens.txt").read_text())],
    )


def _screens(text: str) -> Iterator[tuple[str, str]]:
    parts = re.split(r"^=+ (.*)\n", text, flags=re.MULTILINE)[1:]
    yield from zip(parts[::2], parts[1::2], strict=True)
