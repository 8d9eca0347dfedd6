"""Bytes of a program's stdout into messages and other lines: tolerant of junk, long lines and split signs."""

import json
from collections.abc import Iterator
from typing import Any

LINE_LIMIT_BYTES = 64_000_000


class Lines:
    """Feed chunks, get what each complete line holds: a JSON object, or the text it is. A line that is too
    long is dropped, and a line that says so takes its place."""

    def __init__(self, limit_bytes: int = LINE_LIMIT_BYTES) -> None:
        self._limit = limit_bytes
        self._rest = bytearray()
        self._is_dropping = False

    def feed(self, chunk: bytes) -> Iterator[dict[str, Any] | str]:
        first, *more = chunk.split(b"\n")
        yield from self._grow(first)
        for piece in more:
            yield from self.end()
            yield from self._grow(piece)

    def end(self) -> Iterator[dict[str, Any] | str]:
        """The line so far is whole: at its end, or at that of the stream."""
        line = bytes(self._rest)
        self._rest.clear()
        was_dropped, self._is_dropping = self._is_dropping, False
        if not was_dropped:
            yield from _parsed(line)

    def _grow(self, piece: bytes) -> Iterator[str]:
        if self._is_dropping:
            return
        self._rest += piece
        if len(self._rest) > self._limit:
            self._rest.clear()
            self._is_dropping = True
            yield f"(a line of more than {self._limit:,} bytes was dropped)"


def _parsed(line: bytes) -> Iterator[dict[str, Any] | str]:
    text = line.decode("utf-8", "replace").strip()
    if not text:
        return
    try:
        value = json.loads(text) if text[0] == "{" else None
    except (ValueError, RecursionError):
        value = None
    yield value if isinstance(value, dict) else text
