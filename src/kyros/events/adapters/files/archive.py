"""Reads the event files back, while somebody may be adding to them."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from kyros.events.adapters.files.folder import Folder, lines_from, offset_after
from kyros.events.model import Event, EventFilter, matches
from kyros.events.model.line import read_line
from kyros.events.ports import Scan

_READ_BYTES = 32 * 1024 * 1024
"""The most of the past that one look reads; the rest is another look's."""


class JsonlArchive:
    """ports.EventArchive."""

    def __init__(self, folder: Path) -> None:
        self._folder = Folder(folder)

    async def scan(self, after: int, before: int, limit: int, match: EventFilter) -> Scan:
        return await asyncio.to_thread(self._scan, after, before, limit, match)

    def _scan(self, after: int, before: int, limit: int, match: EventFilter) -> Scan:
        found: list[Event] = []
        left = _READ_BYTES
        for size_bytes, event in self._events(after, before, match):
            left -= size_bytes
            if matches(event, match):
                found.append(event)
            if len(found) == limit or left <= 0:
                return Scan(found, event.id)
        return Scan(found, before - 1)

    def _events(self, after: int, before: int, match: EventFilter) -> Iterator[tuple[int, Event]]:
        """Those with `after` < id < `before`, and the bytes each took; whole segments are passed over where
        nothing can match."""
        with ExitStack() as stack:
            for file in self._files(stack, after, before, match):
                for raw in lines_from(file, offset_after(file, after)):
                    line = read_line(raw)
                    if line is None or line.event.id <= after:
                        continue
                    if line.event.id >= before:
                        return
                    after = line.event.id
                    yield len(raw), line.event

    def _files(self, stack: ExitStack, after: int, before: int, match: EventFilter) -> Iterator[BinaryIO]:
        # Opened before the segments are listed: should it become one meanwhile, nothing is missed.
        active = stack.enter_context(self._folder.active.open("rb")) if self._folder.active.exists() else None
        index, segments = self._folder.index(), self._folder.segments()
        ends = [first - 1 for first, _ in segments[1:]] + [before]
        for (first, path), end in zip(segments, ends, strict=False):
            known = index.get(path.name)
            if first < before and end > after and (known is None or known.may_hold(match)):
                with path.open("rb") as file:
                    yield file
        if active is not None:
            yield active
