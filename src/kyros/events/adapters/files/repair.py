"""What a crash leaves at the end of the file, cut off. Never touches a line that can be read."""

import os
from pathlib import Path

from kyros.events.model.line import read_line
from kyros.events.ports import Repair
from kyros.infra.files import replace_file

BATCH_BYTES = 4 * 1024 * 1024
"""The most one write adds, and so what a crash can leave unfinished."""

_LOOK_BYTES = 2 * BATCH_BYTES


def cut_unfinished(file: int, path: Path) -> Repair | None:
    """Cut from the first line near the end that is no event's: a crash leaves a torn line, a power cut may
    leave holes before it. More than one torn line is kept beside the file."""
    begin = max(0, os.fstat(file).st_size - _LOOK_BYTES)
    rest = _read(file, begin)
    good = rest.find(b"\n") + 1 if begin else 0
    while (end := rest.find(b"\n", good)) >= 0 and read_line(rest[good:end]) is not None:
        good = end + 1
    if good == len(rest):
        return None
    cut, offset = rest[good:], begin + good
    kept = _kept_aside(cut, offset, path) if b"\n" in cut else None
    os.ftruncate(file, offset)
    os.fsync(file)
    return Repair(path.name, offset, len(cut), kept)


def last_line(file: int) -> bytes | None:
    """Of a file that ends in a whole line; None for an empty one."""
    size, span = os.fstat(file).st_size, 64 * 1024
    if not size:
        return None
    while True:
        end = _read(file, max(0, size - span))[:-1]
        begin = end.rfind(b"\n")
        if begin >= 0 or span >= size:
            return end[begin + 1 :]
        span *= 8


def _kept_aside(cut: bytes, offset: int, path: Path) -> str:
    kept = path.with_name(f"cut-at-{offset}.txt")
    number = 1
    while kept.exists():
        number += 1
        kept = path.with_name(f"cut-at-{offset}-{number}.txt")
    replace_file(kept, cut, 0o600)
    return kept.name


def _read(file: int, offset: int) -> bytes:
    """All from an offset on; one read may give less than is there."""
    parts = []
    while part := os.pread(file, _LOOK_BYTES, offset):
        parts.append(part)
        offset += len(part)
    return b"".join(parts)
