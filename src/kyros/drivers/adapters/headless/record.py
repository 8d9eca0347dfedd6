"""What a stream of vendor events has said so far about one turn."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, fields

from kyros.drivers.adapters.messages import shown
from kyros.drivers.model import Usage


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
