"""aider's plain output: it has no JSON, so its closing line is the terminal sign."""

import re
from collections.abc import Iterator

from kyros.drivers.adapters.headless.record import Event, Record, shown

_MODEL = re.compile(r"^(?:Main model|Model): (\S+)")
_CLOSING = re.compile(r"^Tokens: .+ sent, .+ received\.")
_TROUBLE = re.compile(r"^(litellm\.\S*(?:Error|Exception)\b.*|.*API provider is not able to authenticate.*)")


def read(_: Event, __: Record) -> Iterator[str]:
    """A line that happens to be JSON is only text here."""
    return iter(())


def read_line(line: str, record: Record) -> Iterator[str]:
    """Its rounded figures (2.6k) are no measurement, so tokens stay unmeasured."""
    if match := _MODEL.match(line):
        record.model = match.group(1)
    if _CLOSING.match(line):
        record.is_done = True
    if match := _TROUBLE.match(line):
        record.failure = match.group(1).strip()
    yield from shown(line)
