"""What a session has taken, from a command of the program's own, where ACP tells less."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from kyros.drivers.adapters.child import Child
from kyros.drivers.adapters.messages import Event, mapping

_SECONDS = 20.0
_BYTES = 64_000_000
SESSION = "{session}"


async def tally(command: Sequence[str], session_id: str, cwd: Path, env: Mapping[str, str]) -> Event:
    """The `tokens` of the session that the command prints as JSON, under `info`. Empty where it fails, prints
    something else or is not done in 20 s: then nothing was measured."""
    argv = [word.replace(SESSION, session_id) for word in command]
    try:
        child = await Child.start(argv, cwd, env)
    except (OSError, ValueError):
        return {}
    try:
        async with asyncio.timeout(_SECONDS):
            printed, _ = await asyncio.gather(_whole(child), _rest(child))
    except TimeoutError:
        return {}
    finally:
        await child.stop()
    return _tokens(printed)


async def _whole(child: Child) -> bytes:
    printed = bytearray()
    while chunk := await child.stdout.read():
        printed += chunk
        if len(printed) > _BYTES:
            raise TimeoutError
    return bytes(printed)


async def _rest(child: Child) -> None:
    while await child.stderr.read():
        pass


def _tokens(printed: bytes) -> Event:
    try:
        said = json.loads(printed)
    except (ValueError, RecursionError):
        return {}
    return mapping(mapping(mapping(said).get("info")).get("tokens"))
