"""A terminal as text: bytes in, the rendered screen out, answers to what the program asks of it.

Colours are dropped: only the text decides states. Split UTF-8 and split escape sequences are kept
until their rest comes. Sequences we do not know change nothing.
"""

import codecs
import re
from collections.abc import Iterator

from kyros.drivers.adapters.terminal.grid import Grid

_TOKEN = re.compile(
    r"(?P<text>[^\x00-\x1f\x7f-\x9f]+)"
    r"|\x1b\[(?P<private>[<=>?!]?)(?P<numbers>[0-9;:]*)(?P<between>[ -/]*)(?P<final>[@-~])"
    r"|\x1b(?P<kind>[\]P_^X])(?P<string>[^\x07\x1b]*)(?:\x07|\x1b\\|(?=\x1b[^\\]))"
    r"|\x1b[ -/]+[0-~]|\x1b(?P<escape>[0-OQ-WYZ\\`-~])"
    r"|(?P<control>[\x00-\x1a\x1c-\x1f\x7f-\x9f])"
)
_PARTIAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|[\]P_^X][^\x07\x1b]*\x1b?|[ -/]*)?\Z")
_PARTIAL_LIMIT = 65_536
_STATEFUL = re.compile(rb"\x1b\[\?[0-9;]*[hl]|\x1b\[[0-9;?>]*[cn]|\x1b\][0-9]+;[^\x07\x1b]*(?:\x07|\x1b\\)")

_ALTERNATE = frozenset({47, 1047, 1049})
_AUTOWRAP, _BRACKETED_PASTE, _SYNCHRONIZED = 7, 2004, 2026
_KNOWN_MODES = frozenset({_AUTOWRAP, 25, 1004, 1049, _BRACKETED_PASTE, _SYNCHRONIZED})


class Screen:
    """The window of one program. `title` and `report` are what it last said of itself by OSC 0/2 and
    OSC 7501 (`state=working`, …)."""

    def __init__(self, columns: int, rows: int) -> None:
        self._main = Grid(columns, rows)
        self._grid = self._main
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._modes = {_AUTOWRAP, 25}
        self._replies = bytearray()
        self.title = ""
        self.report = ""

    @property
    def takes_pastes(self) -> bool:
        return _BRACKETED_PASTE in self._modes

    @property
    def is_drawing(self) -> bool:
        """Between the brackets of a synchronized update: what is seen now is half a picture."""
        return _SYNCHRONIZED in self._modes

    def live(self, rows: int) -> str:
        """The last `rows` lines down to the lowest that is not blank; wrapped lines are joined."""
        return "\n".join(self._grid.lines()[-rows:])

    def display(self) -> list[str]:
        """Every row as it stands, without trailing blanks."""
        return self._grid.display()

    def take_replies(self) -> bytes:
        """What a terminal would answer to the queries seen since the last call."""
        replies = bytes(self._replies)
        self._replies.clear()
        return replies

    def feed(self, data: bytes) -> None:
        for _ in self.frames(data):
            continue

    def feed_tail(self, data: bytes, limit: int) -> None:
        """Of a flood render only the last `limit` bytes; modes, titles and queries before them count."""
        cut = data.find(b"\n", len(data) - limit) + 1
        if len(data) <= limit or not cut:
            return self.feed(data)
        for sequence in _STATEFUL.finditer(data, 0, cut):
            self.feed(sequence.group())
        return self.feed(data[cut:])

    def frames(self, data: bytes) -> Iterator[None]:
        """Render, stopping after each line and each synchronized update for whoever watches."""
        text = self._rest + self._decoder.decode(data)
        at = 0
        while at < len(text):
            token = _TOKEN.match(text, at)
            if token is None:
                if len(text) - at < _PARTIAL_LIMIT and _PARTIAL.match(text, at):
                    break
                at += 1  # a broken sequence: drop its escape, show the rest
                continue
            at = token.end()
            if self._apply(token):
                yield
        self._rest = text[at:]
        yield

    def _apply(self, token: re.Match[str]) -> bool:
        """True where a watcher should look."""
        kind = token.lastgroup
        if kind == "text":
            self._grid.draw(token.group())
        elif kind == "control":
            return self._control(token.group())
        elif kind == "final":
            return self._csi(token)
        elif kind == "string" and token.group("kind") == "]":
            self._osc(token.group("string"))
        elif kind == "escape":
            self._escape(token.group("escape"))
        return False

    def _control(self, sign: str) -> bool:
        grid = self._grid
        if sign in "\n\x0b\x0c":
            grid.index()
            return True
        if sign == "\r":
            grid.to_column(0)
        elif sign == "\b":
            grid.to_column(max(min(grid.x, grid.columns - 1) - 1, 0))
        elif sign == "\t":
            grid.to_column((grid.x // 8 + 1) * 8)
        return False

    def _escape(self, sign: str) -> None:
        grid = self._grid
        if sign == "D":
            grid.index()
        elif sign == "E":
            grid.to_column(0)
            grid.index()
        elif sign == "M":
            grid.reverse_index()
        elif sign == "7":
            grid.save()
        elif sign == "8":
            grid.restore()
        elif sign == "c":
            self._main = self._grid = Grid(grid.columns, grid.rows)
            self._modes = {_AUTOWRAP, 25}

    def _csi(self, token: re.Match[str]) -> bool:
        private, between, final = token.group("private", "between", "final")
        numbers = [int(part) if part else 0 for part in re.split("[;:]", token.group("numbers"))]
        if private == "?" and final in "hl" and not between:
            return self._set_modes(numbers, final)
        if private == "?" and between == "$" and final == "p":
            self._answer(f"\x1b[?{numbers[0]};{self._mode_state(numbers[0])}$y")
        elif not private and not between:
            if final in "cnt":
                self._query(final, numbers[0])
            else:
                self._grid.control(final, numbers)
        return False

    def _set_modes(self, modes: list[int], final: str) -> bool:
        for mode in modes:
            (self._modes.add if final == "h" else self._modes.discard)(mode)
            if mode in _ALTERNATE:
                self._switch(final)
        self._grid.wraps = _AUTOWRAP in self._modes
        return final == "l" and _SYNCHRONIZED in modes

    def _switch(self, final: str) -> None:
        if final == "h" and self._grid is self._main:
            self._main.save()
            self._grid = Grid(self._main.columns, self._main.rows)
        elif final == "l" and self._grid is not self._main:
            self._grid = self._main
            self._main.restore()

    def _mode_state(self, mode: int) -> int:
        return (1 if mode in self._modes else 2) if mode in _KNOWN_MODES else 0

    def _query(self, final: str, number: int) -> None:
        grid = self._grid
        if final == "c" and number == 0:
            self._answer("\x1b[?62;22c")
        elif final == "n" and number == 5:
            self._answer("\x1b[0n")
        elif final == "n" and number == 6:
            self._answer(f"\x1b[{grid.y + 1};{min(grid.x, grid.columns - 1) + 1}R")
        elif final == "t" and number == 18:
            self._answer(f"\x1b[8;{grid.rows};{grid.columns}t")

    def _osc(self, string: str) -> None:
        number, _, value = string.partition(";")
        if number in ("0", "2"):
            self.title = value
        elif number == "7501":
            self.report = value
        elif value == "?" and number in ("10", "11"):
            shade = "cccc" if number == "10" else "0000"
            self._answer(f"\x1b]{number};rgb:{shade}/{shade}/{shade}\x1b\\")

    def _answer(self, text: str) -> None:
        self._replies += text.encode()
