"""log.md on a real disk."""

import asyncio
from pathlib import Path

from kyros.events.adapters import LogBook


async def test_entries_stand_one_after_the_other_whoever_writes(tmp_path: Path) -> None:
    file = tmp_path / "collaboration" / "logs" / "log.md"
    books = [LogBook(tmp_path, file) for _ in range(3)]
    entries = [f"## {n}\n\n{'x' * 5_000}\n" for n in range(30)]
    await asyncio.gather(*(books[n % 3].append(entry) for n, entry in enumerate(entries)))
    text = file.read_text()
    assert all(entry + "\n" in text for entry in entries)
    assert len(text) == sum(len(entry) + 1 for entry in entries)
    assert books[0].path == "collaboration/logs/log.md"
    assert file.stat().st_mode & 0o777 == 0o600
