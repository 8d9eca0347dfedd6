"""What a stream of vendor events has said so far about one turn."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from kyros.drivers.model import Usage

Event = Mapping[str, Any]

_SHOWN_LINES = 20
_SHOWN_SIGNS = 20_000


@dataclass
class Record:
    """`is_done` and `failure` are the vendor's own words: a stream that ends without either has not
    succeeded. `trouble` is an error that the program may yet overcome. Token figures stay None until one
    is reported; `input_tokens` never includes cached ones, where the vendor tells them apart."""

    is_done: bool = False
    failure: str | None = None
    trouble: str | None = None
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_creation_tokens: int | None = None
    cost_usd: float | None = None
    tools: Counter[str] = field(default_factory=Counter)
    _begun_line: str = ""

    @property
    def is_over(self) -> bool:
        return self.is_done or self.failure is not None

    def add(self, **figures: float | None) -> None:
        """Sum up; what is None stays unmeasured."""
        for name, figure in figures.items():
            if figure is not None:
                setattr(self, name, (getattr(self, name) or 0) + figure)

    def join(self, piece: str) -> Iterator[str]:
        """Text that comes in pieces: yields the lines that are whole by now."""
        text, _, self._begun_line = (self._begun_line + piece).rpartition("\n")
        yield from shown(text)

    def flush(self) -> Iterator[str]:
        """The line that no further piece will end."""
        text, self._begun_line = self._begun_line, ""
        yield from shown(text)

    def usage(self) -> Usage:
        names = {entry.name for entry in fields(Usage)} & set(vars(self))
        measured = {name: getattr(self, name) for name in names}
        return Usage(**measured, tool_calls=dict(self.tools) if self.is_over or self.tools else None)


def whole(value: object) -> int | None:
    """A count as vendors write it, or None."""
    if isinstance(value, bool) or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return int(value) if isinstance(value, int | float) else None


def without_cached(total: int | None, cached: int | None) -> int | None:
    """The uncached share of an input count that includes cached tokens."""
    return None if total is None else max(total - (cached or 0), 0)


def mapping(value: object) -> Event:
    """The value if it is an object, else an empty one: streams are not to be trusted."""
    return value if isinstance(value, Mapping) else {}


def items(value: object) -> list[Event]:
    """The objects of a list; what is none becomes an empty one."""
    return [mapping(entry) for entry in value] if isinstance(value, list) else []


def text_of(value: object) -> str:
    return value if isinstance(value, str) else ""


def shown(text: str) -> Iterator[str]:
    """Lines for a person, without control characters."""
    for line in text[:_SHOWN_SIGNS].splitlines():
        yield "".join(sign for sign in line.expandtabs(4) if sign.isprintable())


def tool_line(name: str, subject: str) -> str:
    first = next(shown(subject), "")
    return f"● {name}  {first}".rstrip()


def output_lines(text: str) -> list[str]:
    """The first lines of what a tool printed, indented."""
    lines = [f"  │ {line}" for line in shown(text)]
    hidden = len(lines) - _SHOWN_LINES
    return lines if hidden <= 0 else [*lines[:_SHOWN_LINES], f"  │ … {hidden} more lines"]
