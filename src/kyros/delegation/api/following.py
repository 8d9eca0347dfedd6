"""What a run's terminal shows: its recording read from an offset, then on as it grows."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from kyros.delegation.model import ENDED, RunStatus
from kyros.delegation.ports import RunStore
from kyros.engine.ports import Bus
from kyros.fleet.ports import RecordingFiles

_CHUNK_BYTES = 256 * 1024
_ASK_SECONDS = 0.5
_GATHER_SECONDS = 0.03


@dataclass(frozen=True)
class Size:
    """The window has so many cells from here on."""

    columns: int
    rows: int


@dataclass(frozen=True)
class Output:
    """Terminal bytes, and the offset after them: who comes back with it misses nothing."""

    offset: int
    data: bytes


@dataclass(frozen=True)
class End:
    status: RunStatus


Piece = Size | Output | End


class Following:
    """Reads recordings. The bus only wakes it: what is given always comes from the file."""

    def __init__(self, runs: RunStore, recordings: RecordingFiles, bus: Bus) -> None:
        self._runs = runs
        self._recordings = recordings
        self._bus = bus
        self._followed: list[str] = []
        self._is_over = False

    def hang_up(self) -> None:
        """Everybody who follows ends; those to come end at once."""
        self._is_over = True
        for run_id in self._followed:
            self._bus.publish(_topic(run_id), b"")

    async def follow(self, run_id: str, offset: int) -> AsyncGenerator[Piece, None]:
        """From byte `offset` of the recording to the run's end, or the server's. Offsets not of a piece are a
        reader's own making: what cannot be read there is passed over."""
        async with self._nudges(run_id) as nudges:
            asked_at, status = 0.0, RunStatus.QUEUED
            while not self._is_over:
                if time.monotonic() - asked_at > _ASK_SECONDS:  # a busy agent nudges hundreds of times
                    status, asked_at = (await self._runs.get(run_id)).status, time.monotonic()
                while lines := await asyncio.to_thread(
                    self._recordings.read_lines, run_id, offset, _CHUNK_BYTES
                ):
                    for piece in _pieces(lines):
                        yield piece
                    offset = lines[-1][0]
                if status in ENDED:
                    yield End(status)
                    return
                with suppress(TimeoutError):
                    async with asyncio.timeout(_ASK_SECONDS):
                        await anext(nudges)
                await asyncio.sleep(_GATHER_SECONDS)

    @asynccontextmanager
    async def _nudges(self, run_id: str) -> AsyncIterator[AsyncIterator[bytes]]:
        self._followed.append(run_id)
        try:
            async with self._bus.subscribe(_topic(run_id)) as nudges:
                yield nudges
        finally:
            self._followed.remove(run_id)


def _topic(run_id: str) -> str:
    return f"log:{run_id}"


def _pieces(lines: Sequence[tuple[int, bytes]]) -> Iterator[Piece]:
    """Output that stands together in one piece; in order with the sizes between."""
    text: list[str] = []
    end = 0
    for offset, line in lines:
        kind, content = _parsed(line)
        if kind == "o":
            text.append(content)
        elif size := _size_of(kind, content):
            if text:
                yield Output(end, "".join(text).encode(errors="replace"))
                text.clear()
            yield size
        end = offset
    yield Output(end, "".join(text).encode(errors="replace"))


def _parsed(line: bytes) -> tuple[str, Any]:
    """(kind, content) of an event; the header is of kind `header`, a line that a kill tore of none."""
    try:
        match json.loads(line):
            case {"width": int(), "height": int()} as header:
                return "header", header
            case [_, str(kind), str(content)]:
                return kind, content
    except ValueError:
        pass
    return "", ""


def _size_of(kind: str, content: Any) -> Size | None:
    if kind == "header":
        return Size(content["width"], content["height"])
    columns, _, rows = content.partition("x") if kind == "r" else ("", "", "")
    return Size(int(columns), int(rows)) if columns.isdigit() and rows.isdigit() else None
