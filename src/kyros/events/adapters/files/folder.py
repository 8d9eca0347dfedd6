"""The folder of the event files: their names, their index, and a line found by halving."""

import os
import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import orjson

from kyros.events.model.line import read_line
from kyros.events.model.segment import Segment, Summary
from kyros.infra.files import replace_file

ACTIVE = "events.jsonl"
INDEX = "index.json"
_NAME = re.compile(r"events-([0-9]{12})\.jsonl")
_NUMBER = re.compile(rb'\{"id":([0-9]{1,18}),')
_BLOCK_BYTES = 256 * 1024


class Folder:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.active = path / ACTIVE

    def segments(self) -> list[tuple[int, Path]]:
        """Full segments with the number of their first event, oldest first."""
        found = [(match, path) for path in self._listed() if (match := _NAME.fullmatch(path.name))]
        return sorted((int(match[1]), path) for match, path in found)

    def segment_path(self, first: int) -> Path:
        return self.path / f"events-{first:012d}.jsonl"

    def index(self) -> Mapping[str, Segment]:
        """By file name. What cannot be read is as if it were not there: it can be made again."""
        try:
            known = orjson.loads((self.path / INDEX).read_bytes())
            return {one["file"]: Segment(**one) for one in known["segments"]}
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def complete_index(self) -> None:
        """Add what is missing, read from the segments themselves; forget those that were taken away."""
        index, segments = self.index(), self.segments()
        named = {path.name for _, path in segments}
        if named == index.keys():
            return
        whole = [index.get(path.name) or summarised(path) for _, path in segments]
        content = {"segments": [one.document() for one in whole if one is not None]}
        replace_file(self.path / INDEX, orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")

    def _listed(self) -> list[Path]:
        try:
            return list(self.path.iterdir())
        except FileNotFoundError:
            return []


def summarised(path: Path) -> Segment | None:
    """A segment's entry of the index; None for one without a single event."""
    summary, digest = Summary(), sha256()
    with path.open("rb") as file:
        for raw in lines_from(file, 0):
            digest.update(raw + b"\n")
            if (line := read_line(raw)) is not None:
                summary.add(line.event)
    return summary.segment(path.name, path.stat().st_size, digest.hexdigest()) if summary.first else None


def lines_from(file: BinaryIO, offset: int) -> Iterator[bytes]:
    """Whole lines without their ends; one still being written is left out."""
    file.seek(offset)
    rest = b""
    while block := file.read(_BLOCK_BYTES):
        *whole, rest = (rest + block).split(b"\n")
        yield from whole


def offset_after(file: BinaryIO, after: int) -> int:
    """Where the first line of an event with id > `after` begins; the file's end when there is none."""
    low, high = 0, os.fstat(file.fileno()).st_size
    while low < high:
        middle = (low + high) // 2
        _, number = _line_from(file, middle)
        if number is None or number > after:
            high = middle
        else:
            low = middle + 1
    begin, _ = _line_from(file, low)
    return begin


def _line_from(file: BinaryIO, offset: int) -> tuple[int, int | None]:
    """The first event's line that begins at or after an offset: where, and its number; at the end None."""
    file.seek(max(0, offset - 1))
    if offset:
        file.readline()
    while True:
        begin = file.tell()
        line = file.readline()
        if not line.endswith(b"\n"):
            return begin, None
        if found := _NUMBER.match(line):
            return begin, int(found[1])
