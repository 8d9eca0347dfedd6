"""`collaboration/logs/log.md`: the human log, only ever added to."""

import asyncio
import os
from pathlib import Path

from kyros.infra.files import append_whole


class LogBook:
    """ports.HumanLogFile. Several processes may write: each entry is one write to the file's end."""

    def __init__(self, home: Path, file: Path) -> None:
        self._file = file
        self.path = str(file.relative_to(home))
        self._turn = asyncio.Lock()

    async def append(self, markdown: str) -> None:
        async with self._turn:
            await asyncio.to_thread(self._append, f"{markdown}\n".encode())

    def _append(self, entry: bytes) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            append_whole(file, entry, self._file)
        finally:
            os.close(file)
