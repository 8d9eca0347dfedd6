"""Rendering what programs print: our screen against pyte's, on recordings of real programs and on streams
made here.

.venv/bin/python -m bench screen

Both get each stream whole, as bytes, into a new screen. pyte is helped over one sequence on which it
raises (`CSI > 4 ; ? m`). Recordings are read from `shared/recordings` beside the checkout;
without them the streams made here are measured alone.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyte

from bench.rig import ROUNDS, Figures, Row, report
from kyros.drivers.adapters.terminal.screen import Screen

RECORDINGS = Path(__file__).parents[2] / "shared" / "recordings"
COLUMNS, ROWS = 110, 36
MARK = 5.0
SYNTHETIC_BYTES = 200_000


@dataclass(frozen=True)
class Stream:
    name: str
    data: bytes
    columns: int = COLUMNS
    rows: int = ROWS


@dataclass(frozen=True)
class Case:
    """Bytes and the rows that a terminal shows after them."""

    name: str
    data: str
    rows: tuple[str, ...]


SYNTHETIC = [
    Stream("plain lines", b"the quick brown fox jumps over the lazy dog and goes home again\r\n"),
    Stream(
        "coloured lines",
        b"\x1b[32m12:01:22\x1b[0m \x1b[1mINFO\x1b[0m a \x1b[38;2;250;120;20mfox\x1b[0m jumps over it\r\n",
    ),
    Stream(
        "a full-screen program",
        b"".join(b"\x1b[%d;3H\x1b[48;5;%dm\x1b[Krow %d\x1b[m" % (row, row, row) for row in range(1, ROWS)),
    ),
    Stream("boxes", ("╭" + "─" * 60 + "╮\r\n│ \x1b[2mtext\x1b[22m │\r\n╰" + "─" * 60 + "╯\r\n").encode()),
    Stream("wide signs and emoji", "漢字とかな 👍🏽 👩‍👩‍👧 ✔️ text\r\n".encode()),
    Stream("one line without an end", b"x" * 1_000),
]
CASES = [
    Case("VS16", "a✔️b❤️c", ("a✔️b❤️c",)),
    Case("VS16 takes two cells", "✔️\x1b[3Gx", ("✔️x",)),
    Case("keycap", "1️⃣ one", ("1️⃣ one",)),
    Case("ZWJ", "👩‍👩‍👧 family", ("👩‍👩‍👧 family",)),
    Case("ZWJ takes two cells", "👩‍👩‍👧\x1b[3Gx", ("👩‍👩‍👧x",)),
    Case("skin tone takes two cells", "👍🏽\x1b[3Gx", ("👍🏽x",)),
    Case("flag takes two cells", "🇩🇪\x1b[3Gx", ("🇩🇪x",)),
    Case("CSI < u", "a\x1b[<ub", ("ab",)),
    Case("CSI > 7 u", "a\x1b[>7ub", ("ab",)),
    Case("CSI = 1 u", "a\x1b[=1ub", ("ab",)),
    Case("CSI > 4 ; ? m", "a\x1b[>4;?mb", ("ab",)),
    Case("CSI 2 SP q", "a\x1b[2 qb", ("ab",)),
    Case("1049", "main\x1b[?1049h\x1b[Hother\x1b[?1049l!", ("main!",)),
    Case("1049 clears", "main\x1b[?1049h\x1b[Hother", ("other",)),
    Case("47", "main\x1b[?47h\x1b[2J\x1b[?47l", ("main",)),
    Case("REP", "ab\x1b[3bc", ("abbbbc",)),
    Case("scroll up", "a\r\nb\r\nc\x1b[S", ("b", "c")),
    Case("APC", "a\x1b_Gi=31;AAAA\x1b\\b", ("ab",)),
    Case("DCS", "a\x1bP+q4d73\x1b\\b", ("ab",)),
    Case("OSC 8", "\x1b]8;;http://x/\x1b\\link\x1b]8;;\x1b\\", ("link",)),
    Case("half a wide sign", "漢字\x1b[2Gx", (" x字",)),
]


class _Pyte(pyte.Screen):  # type: ignore[misc]
    def select_graphic_rendition(self, *attributes: int, private: bool = False) -> None:
        if not private:
            super().select_graphic_rendition(*attributes)


def main(arguments: list[str]) -> int:
    recordings = recorded()
    streams = [*recordings, *(_filled(stream) for stream in SYNTHETIC)]
    found = Figures()
    for number in range(ROUNDS + 1):
        for stream in streams:
            for side, render in (("ours", render_ours), ("pyte", render_pyte)):
                seconds = _timed(render, stream)
                if number:
                    found.note(f"{side} {stream.name}", seconds)
        if number:
            for side in ("ours", "pyte"):
                total = sum(found.values[f"{side} {stream.name}"][-1] for stream in recordings or streams)
                found.note(f"{side} sum", total)
    rows = [_row(found, stream.name, len(stream.data)) for stream in streams]
    size = sum(len(stream.data) for stream in recordings or streams)
    rows.append(_row(found, "sum", size, "the recordings together" if recordings else "all together", MARK))
    rows.append(_right())
    if not recordings:
        print(f"no recordings in {RECORDINGS}: measured on streams made here alone")
    return report("Rendering, MB/s", "pyte", rows)


def recorded() -> list[Stream]:
    """What each recorded program printed; nothing where the recordings are not."""
    return [_recording(file) for file in sorted(RECORDINGS.glob("*.tui.cast"))]


def render_ours(stream: Stream) -> list[str]:
    screen = Screen(stream.columns, stream.rows)
    screen.feed(stream.data)
    return screen.display()


def render_pyte(stream: Stream) -> list[str]:
    screen = _Pyte(stream.columns, stream.rows)
    pyte.ByteStream(screen).feed(stream.data)
    return [row.rstrip() for row in screen.display]


def _recording(file: Path) -> Stream:
    head, *entries = (json.loads(line) for line in file.read_text(encoding="utf-8").splitlines())
    printed = "".join(data for _, kind, data in entries if kind == "o").encode()
    return Stream(file.name.removesuffix(".tui.cast"), printed, head["width"], head["height"])


def _filled(stream: Stream) -> Stream:
    return Stream(stream.name, stream.data * (SYNTHETIC_BYTES // len(stream.data)))


def _timed(render: Callable[[Stream], Any], stream: Stream) -> float:
    began = time.perf_counter()
    render(stream)
    return time.perf_counter() - began


def _row(found: Figures, name: str, size: int, title: str | None = None, mark: float | None = None) -> Row:
    ours, theirs = (size / found.median(f"{side} {name}") / 1e6 for side in ("ours", "pyte"))
    ratio = found.ratio(f"pyte {name}", f"ours {name}")
    return Row(title or name, f"{ours:.2f}", f"{theirs:.2f}", ratio, least=mark)


def _right() -> Row:
    """How many of the cases each renders as terminals do."""
    ours, theirs = (sum(_shows(render, case) for case in CASES) for render in (render_ours, render_pyte))
    name = f"right in {len(CASES)} cases of emoji, private sequences, other screens"
    return Row(name, str(ours), str(theirs), float(ours), least=float(len(CASES)), unit="")


def _shows(render: Callable[[Stream], list[str]], case: Case) -> bool:
    try:
        shown = render(Stream(case.name, case.data.encode(), 40, 4))
    except Exception:  # a crash on what real programs print is an answer too
        return False
    return shown == [*case.rows, *[""] * (4 - len(case.rows))]
