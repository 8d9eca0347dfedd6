"""Where escape sequences begin and end, however the bytes are cut. What they mean is said elsewhere."""

import re
from typing import NamedTuple

from kyros.drivers.adapters.terminal.cells import PLAIN

TOKEN = re.compile(
    rf"(?P<plain>[{PLAIN}]*)(?:\x1b\[[0-9;:]{{0,64}}m|[\x00\x7f]+)*"
    r"(?:\x1b\[(?:(?P<numbers>[0-9;:]{0,64})(?P<final>[@-ln-~])|\?(?P<modes>[0-9;]{0,64})(?P<switch>[hl]))"
    r"|(?P<control>\r?\n|[\x01-\x1a\x1c-\x1f])"
    rf"|(?P<text>[^\x00-\x1f\x7f-\x9f{PLAIN}]+)"
    r"|(?P<opening>[\x1b\x80-\x9f]))?"
)
"""Plain text with what follows it. Colours are passed over. All that is rare, odd or cut off is only an
`opening`: `Opened` reads on from there."""

_PASSED = re.compile(r"(?:[^\x1b\x80-\x9f]++|\x1b\[[0-9;:]{0,64}[@-Zabd-gm])*+")
"""Text and the functions that only draw or move."""

_STRING_KINDS = "]P_^X"
_SEQUENCE_LIMIT = 256
_STRING_LIMIT = 65_536
_INSIDE = re.compile(r"[ -/]*")
_INSIDE_CSI = re.compile(r"[ -?]*")
_INSIDE_STRING = re.compile(r"[^\x07\x18\x1a\x1b\x80-\x9f]*")


class Done(NamedTuple):
    """A whole sequence: `kind` is ESC, `[` for CSI, a string's letter (`]` for OSC), or "" for a control
    character in its midst; `body` is what follows."""

    kind: str
    body: str


class Opened:
    """The sequence that stands open, if any. What it holds is bounded: a longer one is passed over to its
    end, and a string that is longer ends with its line at last, or one cut off would hide all that comes."""

    def __init__(self) -> None:
        self._kind = ""
        self._body = ""
        self._length = 0
        self._may_end = False

    def __bool__(self) -> bool:
        return self._kind != ""

    def open(self, sign: str) -> Done | None:
        """Begin with ESC, or with one of U+0080 to U+009F, which are ESC and a letter in one."""
        self._kind, self._body, self._length, self._may_end = "\x1b", "", 0, False
        return None if sign == "\x1b" else self._finish(chr(ord(sign) - 0x40))

    def read(self, text: str, at: int) -> tuple[int, Done | None]:
        """Go on at `at`. Returns where to go on, and what was complete there."""
        if self._kind in _STRING_KINDS:
            return self._read_string(text, at)
        start, at = at, _end(_INSIDE_CSI if self._kind == "[" else _INSIDE, text, at)
        self._keep(text, start, at, _SEQUENCE_LIMIT)
        if at == len(text):
            return at, None
        sign = text[at]
        if "0" <= sign <= "~":
            return at + 1, self._finish(sign)
        return self._read_control(sign, at)

    def _finish(self, sign: str) -> Done | None:
        if self._kind == "\x1b" and not self._length and sign in _STRING_KINDS + "[":
            self._kind = sign
            return None
        return self._close(sign)

    def _read_control(self, sign: str, at: int) -> tuple[int, Done | None]:
        """Within a sequence a control character does its work; ESC begins anew; text or CAN end it."""
        if sign == "\x1b" or "\x80" <= sign <= "\x9f":
            return at + 1, self.open(sign)
        if sign in "\x18\x1a":
            self._kind = ""
        elif sign < " ":
            return at + 1, Done("", sign)
        elif sign != "\x7f":
            self._kind = ""
            return at, None
        return at + 1, None

    def _read_string(self, text: str, at: int) -> tuple[int, Done | None]:
        if self._may_end:
            return self._read_end(text, at)
        start, at = at, _end(_INSIDE_STRING, text, at)
        line_end = text.find("\n", start + max(_STRING_LIMIT - self._length, 0), at)
        if line_end >= 0:
            self._kind = ""
            return line_end, None
        self._keep(text, start, at, _STRING_LIMIT)
        if at == len(text):
            return at, None
        sign = text[at]
        if sign in "\x07\x9c":
            return at + 1, self._close("")
        if sign == "\x1b":
            self._may_end = True
        elif sign in "\x18\x1a":
            self._kind = ""
        else:
            return at + 1, self.open(sign)
        return at + 1, None

    def _read_end(self, text: str, at: int) -> tuple[int, Done | None]:
        """After an ESC in a string: with a backslash it was the end, else it begins another sequence."""
        if text[at] == "\\":
            return at + 1, self._close("")
        self.open("\x1b")
        return at, None

    def _keep(self, text: str, start: int, end: int, limit: int) -> None:
        if self._length < limit:
            self._body += text[start : min(end, start + limit - self._length)]
        self._length += end - start

    def _close(self, final: str) -> Done | None:
        limit = _STRING_LIMIT if self._kind in _STRING_KINDS else _SEQUENCE_LIMIT
        whole = self._length <= limit
        done = Done(self._kind[0], self._body + final) if whole else None
        self._kind = self._body = ""
        return done


def passed(text: str, at: int) -> int:
    """Where the next sequence begins that does more than draw or move."""
    return _end(_PASSED, text, at)


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Where a run that may be empty ends."""
    match = pattern.match(text, at)
    return at if match is None else match.end()
