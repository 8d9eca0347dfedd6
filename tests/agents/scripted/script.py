"""What the scripted model does, in no vendor's words: read, write, run, say; and how it fails."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Read:
    path: str


@dataclass(frozen=True)
class Write:
    """A whole new file."""

    path: str
    text: str


@dataclass(frozen=True)
class Edit:
    """`old` is found once in the file."""

    path: str
    old: str
    new: str


@dataclass(frozen=True)
class Shell:
    command: str


Step = Read | Write | Edit | Shell


@dataclass(frozen=True)
class Refuses:
    """An answer with an error status in the vendor's own form; or with this very `body`."""

    status: int
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Cuts:
    """The connection ends in the middle of the answer."""


@dataclass(frozen=True)
class Hangs:
    """The answer begins and never goes on."""


Fault = Refuses | Cuts | Hangs


@dataclass(frozen=True)
class Figures:
    """Tokens of one answer. `fresh` are input tokens that no cache had; `thought` is a share of `output` that
    some vendors count apart, and all bill."""

    fresh: int = 0
    cached: int = 0
    output: int = 0
    thought: int = 0

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(
            self.fresh + other.fresh,
            self.cached + other.cached,
            self.output + other.output,
            self.thought + other.thought,
        )


@dataclass(frozen=True)
class Script:
    """One step an answer, then `closing`. `faults` are by the number of the answer, from 0, and stay: a
    program that tries again meets the same one."""

    root: Path
    steps: Sequence[Step]
    closing: str = "Done: I followed TASK.md and made the change it asks for."
    faults: Mapping[int, Fault] = field(default_factory=dict)
    figures_from: int = 1000

    def figures(self, number: int) -> Figures:
        """No two answers report the same, so that a missing one shows in the sum."""
        return Figures(self.figures_from + 7 * number, 300 * number, output=20 + number, thought=5)
