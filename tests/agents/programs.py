"""The pinned programs: where `make agents` put them, and what makes each talk to the scripted model."""

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kyros.drivers.model import Tier

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "agents" / "bin"
_PINS = tomllib.loads(Path(__file__).with_name("programs.toml").read_text())


@dataclass(frozen=True)
class Program:
    """`environment` is set where Kyros runs; `files` lie in the agent's HOME. Both may name {url} and {work}.
    `counts_side_calls`: tiers whose figures include titles and routing; `hides_cache`: tiers that add cached
    tokens to the rest; `hides_thought`: tiers that leave out what thinking took."""

    name: str
    version: str
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    counts_side_calls: Sequence[str] = ()
    hides_cache: Sequence[str] = ()
    hides_thought: Sequence[str] = ()

    def environment_for(self, url: str, work: Path) -> dict[str, str]:
        return {name: _filled(value, url, work) for name, value in self.environment.items()}

    def furnish(self, home: Path, url: str, work: Path) -> None:
        for name, text in self.files.items():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_text(_filled(text, url, work))


def needs(name: str) -> pytest.MarkDecorator:
    """Skips the test, before anything is started, where the program is not installed."""
    reason = f"NO AGENT: {name} {_PINS[name]['version']} is not installed: make agents"
    return pytest.mark.skipif(not (CACHE / name).exists(), reason=reason)


def each(*names: str) -> list[Any]:
    """Parameters of a test that runs with each of these programs."""
    return [pytest.param(name, marks=needs(name)) for name in names]


def program(name: str, tier: Tier | None = None) -> Program:
    """As pinned; the terminal tier may need more than the others."""
    pin = _PINS[name]
    more = pin.get("terminal", {}) if tier is Tier.TERMINAL else {}
    return Program(
        name,
        pin["version"],
        pin.get("environment", {}) | more.get("environment", {}),
        pin.get("files", {}) | more.get("files", {}),
        pin.get("counts_side_calls", ()),
        pin.get("hides_cache", ()),
        pin.get("hides_thought", ()),
    )


def search_path() -> str:
    """The cache before whatever else this machine has."""
    return os.pathsep.join([str(CACHE), os.environ.get("PATH", "")])


def _filled(text: str, url: str, work: Path) -> str:
    return text.replace("{url}", url).replace("{work}", str(work))
