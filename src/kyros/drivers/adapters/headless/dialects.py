"""The vendors' dialects by name: how each is read, and how the talking ones are answered."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from kyros.drivers.adapters.headless import aider, claude, codex, gemini, goose, opencode, telling
from kyros.drivers.adapters.headless.record import Record
from kyros.drivers.adapters.messages import Event, shown
from kyros.drivers.model import ApprovalRequest, Decision


@dataclass(frozen=True)
class Talk:
    """A dialect that is spoken both ways, as JSON lines on stdin: the prompt and answers to approvals."""

    opening: Callable[[str], Event]
    request_of: Callable[[Event], ApprovalRequest | None]
    answer_to: Callable[[Event, Decision], Event]


def read_stray_line(line: str, _: Record) -> Iterator[str]:
    """What is no JSON is shown and means nothing."""
    return shown(line)


@dataclass(frozen=True)
class Dialect:
    """`read` notes an event in the record and yields lines for a person; `read_line` takes other lines;
    `tells` makes, for each turn, what reads its transcript out of both."""

    read: Callable[[Event, Record], Iterable[str]]
    tells: Callable[[], telling.Tell]
    read_line: Callable[[str, Record], Iterable[str]] = read_stray_line
    talk: Talk | None = None


DIALECTS: Mapping[str, Dialect] = {
    "aider": Dialect(aider.read, telling.aider, aider.read_line),
    "claude": Dialect(
        claude.read, telling.claude, talk=Talk(claude.opening, claude.request_of, claude.answer_to)
    ),
    "codex": Dialect(codex.read, telling.codex),
    "gemini": Dialect(gemini.read, telling.gemini),
    "goose": Dialect(goose.read, telling.goose),
    "opencode": Dialect(opencode.read, telling.opencode),
    "qwen": Dialect(claude.read_with_cached_input, telling.claude),
}
