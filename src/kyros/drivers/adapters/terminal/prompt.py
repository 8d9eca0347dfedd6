"""A prompt on its way into a composer: made harmless, typed as the program takes it, found again. Pure."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

_TAIL_SIGNS = 40
_HEAD_SIGNS = 24
_REST_SIGNS = 4
_TRIES = 32
_BLANKS_AND_FRAMES = re.compile("[\\s\u2500-\u259f]+")
_LEAD = re.compile("[>\u203a\u276f\xbb\u279c\u25b6$%#|*!]{0,3}|.{0,16}>")
"""What programs put before an echoed prompt, without its blanks: `>`, `diff>`, `[agent]7%!>`. Not what stands
before a choice or a question."""

_PLACEHOLDER = re.compile(r"\[past", re.IGNORECASE)
"""Several programs show `[Pasted text …]` in place of a long paste."""


def as_paste(prompt: str) -> bytes:
    """The keys of a bracketed paste; line breaks arrive as Enter keys do in a real one."""
    return b"\x1b[200~" + clean(prompt).replace("\n", "\r").encode() + b"\x1b[201~"


def as_line(prompt: str) -> bytes:
    """The keys for a program without bracketed paste: a line break would send half of the prompt, so it
    becomes a blank."""
    return clean(prompt).replace("\n", " ").encode()


def clean(prompt: str) -> str:
    """Without control characters: a prompt must not press keys or end its own paste."""
    lines = prompt.replace("\r\n", "\n").replace("\r", "\n").expandtabs(4).strip()
    return "".join(sign for sign in lines if sign == "\n" or unicodedata.category(sign) not in ("Cc", "Cs"))


class Trace:
    """Recognizes a prompt on a screen, wherever lines are broken: its end in a composer by the last signs,
    its echo by the rows that hold nothing else."""

    def __init__(self, prompt: str, screen_before: str) -> None:
        self._whole = _squeezed(clean(prompt))
        self._tail = self._whole[-_TAIL_SIGNS:]
        self._before = self._count(screen_before)

    def is_new_in(self, screen_text: str) -> bool:
        """It stands there more often than before it was typed: an older prompt of these words is none."""
        return self._count(screen_text) > self._before

    def stands_in(self, screen_text: str) -> bool:
        return self._count(screen_text) > 0

    def _count(self, text: str) -> int:
        return _squeezed(text).count(self._tail) + len(_PLACEHOLDER.findall(text))

    def rows_in(self, squeezed: Sequence[str]) -> range:
        """The rows of its topmost echo, with nothing in them but the echo: whole, cut short at its end, or
        with its beginning scrolled away. None of a prompt that stands last: that is still being typed."""
        rows = [number for number, row in enumerate(squeezed) if row]
        for index, number in enumerate(rows):
            for at, seen in self._beginnings(squeezed[number], is_top=index == 0):
                last, end = self._follow(squeezed, rows[index + 1 :], number, seen)
                enough = end == len(self._whole) or (at == 0 and end >= _HEAD_SIGNS)
                if enough and end - at >= min(_REST_SIGNS, len(self._whole)) and last != rows[-1]:
                    return range(number, last + 1)
        return range(0)

    def _beginnings(self, row: str, *, is_top: bool) -> Iterator[tuple[int, int]]:
        """Where in the prompt a row that begins an echo begins and ends."""
        for found in _places(row, self._whole[:1]):
            if self._whole.startswith(row[found:]) and _LEAD.fullmatch(row, 0, found):
                yield 0, len(row) - found
        if is_top:
            for found in _places(self._whole, row):
                yield found, found + len(row)

    def _follow(self, squeezed: Sequence[str], rows: Sequence[int], first: int, end: int) -> tuple[int, int]:
        """The last row that goes on with the prompt after `first`, and how much of it was seen then."""
        last = first
        for row in rows:
            if end == len(self._whole) or not self._whole.startswith(squeezed[row], end):
                break
            last, end = row, end + len(squeezed[row])
        return last, end


def _places(text: str, part: str) -> Iterator[int]:
    """The first places of `part` in `text`."""
    at = text.find(part) if part else -1
    for _ in range(_TRIES):
        if at < 0:
            return
        yield at
        at = text.find(part, at + 1)


def without(echoes: Iterable[Trace], shown: str) -> str:
    """Lines of a screen with blank ones in place of the prompts' echoes."""
    lines = shown.split("\n")
    squeezed: list[str] = []
    for echo in echoes:
        squeezed = squeezed or [_squeezed(line) for line in lines]
        for row in echo.rows_in(squeezed):
            lines[row] = squeezed[row] = ""
    return "\n".join(lines)


def _squeezed(text: str) -> str:
    """Words without blanks and without the frames that boxes draw around them."""
    return _BLANKS_AND_FRAMES.sub("", text)
