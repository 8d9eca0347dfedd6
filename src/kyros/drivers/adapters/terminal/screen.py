"""A terminal as text: bytes in, the rendered screen out, answers to what the program asks of it.

Colours are dropped: only the text decides states. What we do not know changes nothing.
"""

import codecs
import re
from collections.abc import Iterator

from kyros.drivers.adapters.terminal.functions import FUNCTIONS, numbers_of
from kyros.drivers.adapters.terminal.grid import Grid
from kyros.drivers.adapters.terminal.sequences import TOKEN, Done, Opened, passed

_INSERT = 4
_ORIGIN, _AUTOWRAP, _CURSOR, _BRACKETED_PASTE, _SYNCHRONIZED, _CLUSTERS = 6, 7, 25, 2004, 2026, 2027
_ALTERNATE = frozenset({47, 1047, 1049})
_SAVED_CURSOR = 1048
_AT_START = frozenset({_AUTOWRAP, _CURSOR, _CLUSTERS})
_KNOWN_MODES = _AT_START | _ALTERNATE | {
    1, _ORIGIN, 12, 1000, 1002, 1003, 1004, 1006, 1007, _BRACKETED_PASTE, _SYNCHRONIZED,
}  # fmt: skip
_CSI = re.compile(r"([<-?]?)([0-9;:]*)([ -/]*)([@-~])")
_REPLY_LIMIT = 65_536
_PASSED_LIMIT = 8_192
_NAME = "Kyros"
_COLOURS = {"10": "cccc", "11": "0000", "12": "cccc"}
"""Text, background and cursor as we say they are: light on dark."""


class Screen:
    """The window of one program. `title` and `report` are what it last said of itself by OSC 0/2 and
    OSC 7501 (`state=working`, …)."""

    def __init__(self, columns: int, rows: int) -> None:
        self._main = Grid(columns, rows)
        self._alternate = Grid(columns, rows)
        self._grid = self._main
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._opened = Opened()
        self._modes = set(_AT_START)
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

    @property
    def cursor(self) -> tuple[int, int]:
        """Row and column from 1, within the margins where the program counts so."""
        return self._grid.where()

    def live(self, rows: int) -> str:
        """The last `rows` lines down to the lowest that is not blank; wrapped lines are joined."""
        return "\n".join(self._grid.lines(rows))

    def display(self) -> list[str]:
        """Every row as it stands, without trailing blanks."""
        return self._grid.display()

    def resize(self, columns: int, rows: int) -> None:
        """A window of another size. Nothing is wrapped anew: programs draw again when they are told."""
        for grid in (self._main, self._alternate):
            grid.resize(max(columns, 1), max(rows, 1))

    def take_replies(self) -> bytes:
        """What a terminal would answer to the queries seen since the last call."""
        replies = bytes(self._replies)
        self._replies.clear()
        return replies

    def feed(self, data: bytes) -> None:
        for _ in self.frames(data):
            continue

    def frames(self, data: bytes) -> Iterator[None]:
        """Render, stopping after each line and each synchronized update for whoever watches."""
        text = self._decoder.decode(data)
        at, end = 0, len(text)
        while at < end:
            done = None
            if self._opened:
                at, done = self._opened.read(text, at)
            else:
                for token in TOKEN.finditer(text, at):
                    plain, numbers, final, modes, switch, control, other, opening = token.groups()
                    if plain:
                        self._grid.draw_plain(plain)
                    if final:
                        self._function(final, numbers)
                    elif (control and self._control(control)) or (switch and self._set_modes(modes, switch)):
                        yield
                    elif other:
                        self._grid.draw(other)
                    elif opening:
                        at, done = token.end(), self._opened.open(opening)
                        break
                else:
                    at = end
            if done is not None and self._apply(done):
                yield
        yield

    def pass_over(self, data: bytes) -> None:
        """Output that is not rendered: only modes, titles, queries and where sequences end are taken in.
        Of very many such sequences the last ones go unread."""
        text = self._decoder.decode(data)
        at, end, left = 0, len(text), _PASSED_LIMIT
        while at < end and left:
            left -= 1
            if not self._opened:
                at = passed(text, at)
                done = self._opened.open(text[at]) if at < end else None
                at += 1
            else:
                at, done = self._opened.read(text, at)
            if done is not None and done.kind:
                self._apply(done)
        if not left:
            self._opened = Opened()

    def _function(self, final: str, numbers: str) -> None:
        function = FUNCTIONS.get(final)
        if function is not None:
            function(self._grid, numbers_of(numbers))
        else:
            self._ask_or_set(final, numbers_of(numbers))

    def _apply(self, done: Done) -> bool:
        """True where a watcher should look."""
        if done.kind == "":
            return self._control(done.body)
        if done.kind == "[":
            return self._csi(done.body)
        if done.kind == "\x1b":
            return self._escape(done.body)
        if done.kind == "]":
            self._osc(done.body)
        return False

    def _control(self, sign: str) -> bool:
        grid = self._grid
        if sign == "\r\n":
            grid.x = 0
            grid.index()
            return True
        if sign in "\n\x0b\x0c":
            grid.index()
            return True
        if sign == "\r":
            grid.x = 0
        elif sign == "\b":
            grid.to_column(min(grid.x, grid.columns - 1) - 1)
        elif sign == "\t":
            grid.tab(1)
        elif sign in "\x0e\x0f":
            grid.shift(sign == "\x0e")
        return False

    def _escape(self, body: str) -> bool:
        grid = self._grid
        if body in "DE":
            if body == "E":
                grid.x = 0
            grid.index()
            return True
        if body == "M":
            grid.reverse_index()
        elif body == "7":
            grid.save()
        elif body == "8":
            grid.restore()
        elif body == "H":
            grid.set_stop()
        elif body[0] in "()" and len(body) == 2:
            grid.choose_charset("()".index(body[0]), body[1])
        elif body == "#8":
            grid.fill("E")
        elif body == "c":
            self._reset()
        return False

    def _reset(self) -> None:
        self._grid = self._main
        self._main.reset()
        self._alternate.reset()
        self._modes = set(_AT_START)

    def _csi(self, body: str) -> bool:
        match = _CSI.fullmatch(body)
        if match is None:
            return False
        private, numbers, between, final = match.groups()
        if private == "?" and not between and final in "hl":
            return self._set_modes(numbers, final)
        if not between and (not private or private + final in ("?J", "?K")):
            self._function(final, numbers)
        elif between == "$" and final == "p" and private in ("", "?"):
            self._answer(f"\x1b[{private}{_first(numbers)};{self._mode_state(private, _first(numbers))}$y")
        elif between == "!" and final == "p":
            self._grid.reset_modes()
            self._modes = (self._modes - {_ORIGIN}) | {_AUTOWRAP, _CURSOR}
        elif not between:
            self._ask(private + final, _first(numbers))
        return False

    def _ask_or_set(self, final: str, numbers: tuple[int, ...]) -> None:
        if final in "hl":
            if _INSERT in numbers:
                self._grid.set_inserts(final == "h")
        else:
            self._ask(final, numbers[0])

    def _set_modes(self, numbers: str, final: str) -> bool:
        modes, is_on = numbers_of(numbers), final == "h"
        for mode in modes:
            if mode in _KNOWN_MODES and mode != _CLUSTERS:
                (self._modes.add if is_on else self._modes.discard)(mode)
            if mode in _ALTERNATE:
                self._switch(mode, is_on)
            elif mode == _AUTOWRAP:
                self._grid.wraps = is_on
            elif mode == _ORIGIN:
                self._grid.in_margins = is_on
                self._grid.place(0, 0)
            elif mode == _SAVED_CURSOR:
                (self._grid.save if is_on else self._grid.restore)()
        return not is_on and _SYNCHRONIZED in modes

    def _switch(self, mode: int, is_on: bool) -> None:
        """1049 keeps the cursor and clears the other screen, 1047 clears it on the way back, 47 neither."""
        if is_on and mode == 1049:
            self._grid.save()
            self._alternate.clear()
        if is_on and self._grid is self._main:
            self._alternate.take_cursor(self._main)
            self._grid = self._alternate
        elif not is_on and self._grid is self._alternate:
            if mode == 1047:
                self._alternate.clear()
            self._main.take_cursor(self._alternate)
            self._grid = self._main
            if mode == 1049:
                self._main.restore()

    def _mode_state(self, private: str, mode: int) -> int:
        """As DECRQM has it: 0 unknown, 1 on, 2 off. Signs always share cells where they join (2027)."""
        if private:
            return (1 if mode in self._modes else 2) if mode in _KNOWN_MODES else 0
        return (1 if self._grid.inserts else 2) if mode == _INSERT else 0

    def _ask(self, function: str, number: int) -> None:
        """Answer as a terminal without extended keys does: to `CSI ? u` it says nothing, and so the program
        goes on with the keys that we press."""
        row, column = self._grid.where()
        answer = {
            ("c", 0): "\x1b[?62;22c",
            (">c", 0): "\x1b[>1;10;0c",
            (">q", 0): f"\x1bP>|{_NAME}\x1b\\",
            ("n", 5): "\x1b[0n",
            ("n", 6): f"\x1b[{row};{column}R",
            ("?n", 6): f"\x1b[?{row};{column}R",
            ("?n", 996): "\x1b[?997;1n",
            ("t", 18): f"\x1b[8;{self._grid.rows};{self._grid.columns}t",
        }.get((function, number))
        if answer is not None:
            self._answer(answer)

    def _osc(self, string: str) -> None:
        number, _, value = string.partition(";")
        if number in ("0", "2"):
            self.title = value
        elif number == "7501":
            self.report = value
        elif value == "?" and number in _COLOURS:
            shade = _COLOURS[number]
            self._answer(f"\x1b]{number};rgb:{shade}/{shade}/{shade}\x1b\\")

    def _answer(self, text: str) -> None:
        """A program that asks and never reads is not answered for ever."""
        if len(self._replies) < _REPLY_LIMIT:
            self._replies += text.encode()


def _first(numbers: str) -> int:
    return numbers_of(numbers)[0]
