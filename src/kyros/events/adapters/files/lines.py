"""Every line of the event files in order, for the audit."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from kyros.events.adapters.files.folder import ACTIVE, Folder, lines_from
from kyros.events.ports import Batch

_LINES = 1_000


class JsonlLines:
    """ports.EventLines."""

    def __init__(self, folder: Path) -> None:
        self._folder = Folder(folder)

    async def batches(self) -> AsyncIterator[Batch]:
        reading = self._read()
        while (batch := await asyncio.to_thread(next, reading, None)) is not None:
            yield batch

    def _read(self) -> Iterator[Batch]:
        with ExitStack() as stack:
            # Opened first: should it become a segment meanwhile, it is read as what it was.
            active = self._folder.active
            newest = stack.enter_context(active.open("rb")) if active.exists() else None
            index = self._folder.index()
            for _, path in self._folder.segments():
                with path.open("rb") as file:
                    if newest is not None and path.stat().st_ino == os.fstat(newest.fileno()).st_ino:
                        continue
                    known = index.get(path.name)
                    yield from _batches(path.name, file, None if known is None else known.digest)
            if newest is not None:
                yield from _batches(ACTIVE, newest, None)


def _batches(name: str, file: BinaryIO, expected: str | None) -> Iterator[Batch]:
    digest, number, lines = sha256(), 1, lines_from(file, 0)
    while batch := list(islice(lines, _LINES)):
        for raw in batch:
            digest.update(raw + b"\n")
        yield Batch(name, number, batch)
        number += len(batch)
    if expected is not None and digest.hexdigest() != expected:
        yield Batch(name, number, [], fault=f"{name} is not what index.json says of it")
