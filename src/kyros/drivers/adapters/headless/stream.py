"""Bytes of a vendor's stdout into events and other lines: tolerant of junk, long lines and split signs."""

import json
from collections.abc import Iterator
from typing import Any

_LINE_LIMIT = 64_000_000


class Lines:
    """Feed chunks, get what each complete line holds: a JSON object, or the text it is."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, chunk: bytes) -> Iterator[dict[str, Any] | str]:
        *lines, rest = (bytes(self._rest) + chunk if b"\n" in chunk else chunk).split(b"\n")
        if lines:
            self._rest.clear()
        self._rest += rest
        if len(self._rest) > _LINE_LIMIT:
            self._rest.clear()
        for line in lines:
            yield from _parsed(line)

    def end(self) -> Iterator[dict[str, Any] | str]:
        """The last line, if it had no end."""
        rest = bytes(self._rest)
        self._rest.clear()
        yield from _parsed(rest)


def _parsed(line: bytes) -> Iterator[dict[str, Any] | str]:
    text = line.decode("utf-8", "replace").strip()
    if not text:
        return
    try:
        value = json.loads(text) if text[0] == "{" else None
    except (ValueError, RecursionError):
        value = None
    yield value if isinstance(value, dict) else text
