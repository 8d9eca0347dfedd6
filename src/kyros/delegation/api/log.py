"""The live transcript of a run: its recording read from an offset, then on as it grows."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from typing import Any

from sse_starlette import ServerSentEvent

from kyros.delegation.model import ENDED
from kyros.delegation.ports import RunStore
from kyros.engine.ports import Bus
from kyros.fleet.ports import RecordingFiles

_CHUNK_BYTES = 256 * 1024
_ASK_SECONDS = 0.5
_GATHER_SECONDS = 0.03


async def follow_log(
    run_id: str, offset: int, runs: RunStore, recordings: RecordingFiles, bus: Bus
) -> AsyncIterator[ServerSentEvent]:
    """Events from byte `offset` of the recording; ids are offsets, so any reader resumes without gap.

    The bus only wakes us: what is sent always comes from the file.
    """
    async with bus.subscribe(f"log:{run_id}") as nudges:
        asked_at, over = 0.0, False
        while True:
            if time.monotonic() - asked_at > _ASK_SECONDS:  # not for each nudge: a busy agent sends hundreds
                over, asked_at = (await runs.get(run_id)).status in ENDED, time.monotonic()
            while lines := await asyncio.to_thread(recordings.read_lines, run_id, offset, _CHUNK_BYTES):
                offset = lines[-1][0]
                for event in _events(offset, [line for _, line in lines]):
                    yield event
            if over:
                yield ServerSentEvent(event="end", data="{}")
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(_ASK_SECONDS):
                    await anext(nudges)
            await asyncio.sleep(_GATHER_SECONDS)


def _parsed(line: bytes) -> Any:
    """A line that a kill tore is passed over."""
    try:
        return json.loads(line)
    except ValueError:
        return [0, "torn", ""]


def _events(end: int, lines: Sequence[bytes]) -> Iterator[ServerSentEvent]:
    """One event for the window's size, one for all the output; both carry the offset after the lines."""
    text = []
    for line in lines:
        parsed = _parsed(line)
        if isinstance(parsed, dict):
            size = {"columns": parsed["width"], "rows": parsed["height"]}
            yield ServerSentEvent(event="size", data=json.dumps(size))
        elif parsed[1] == "o":
            text.append(parsed[2])
    output = base64.b64encode("".join(text).encode()).decode()
    yield ServerSentEvent(event="output", id=str(end), data=output)
