"""Takes out of a program's output what one's own terminal would answer: its answers are typed to whoever
reads there, the program or, once one has left, the shell. The program has had its answers from Kyros."""

import re

_PARAMETERS = rb"[0-9;:<-?\x00-\x17\x19\x1c-\x1f\x7f]*"
"""A terminal carries out control signs in the middle of a sequence, and reads on."""
_TEXT = rb"[^\x07\x1b]*"
_QUERY = re.compile(
    rb"\x05|\x1bZ"  # who are you, the oldest ways
    rb"|\x1b\[" + _PARAMETERS + rb"(?:[cnxt]|\$p|\*y)"  # who, where, which modes, which window
    rb"|\x1b\[\?" + _PARAMETERS + rb"[uS]|\x1b\[>" + _PARAMETERS + rb"q"  # which keyboard, graphics, version
    rb"|\x1b\](?:(?:4|5|1[0-9]|2[12]);"
    + _TEXT
    + rb"\?|52;|1337;Re)"  # colours, clipboard
    + _TEXT
    + rb"(?:\x07|\x1b\\)"
    rb"|\x1b(?:P[$+]q|_G)[^\x1b]*\x1b\\"  # settings, capabilities, pictures
)
_UNFINISHED = re.compile(
    rb"\x1b(?:\[[0-?\x00-\x17\x19\x1c-\x1f\x7f]*[ -/]*|\]" + _TEXT + rb"\x1b?|[P_][^\x1b]*\x1b?)?\Z"
)
_CANCEL = b"\x18"
"""In place of a query, or what stood around it might become one: ends a sequence, shows nothing."""
_LONGEST_BYTES = 1024 * 1024


class WithoutQueries:
    """Output in pieces, cut anywhere."""

    def __init__(self) -> None:
        self._rest = b""

    def __call__(self, data: bytes) -> bytes:
        """What may be shown by now; an unfinished sequence is held until its end."""
        data = _QUERY.sub(_CANCEL, self._rest + data)
        cut = unfinished.start() if (unfinished := _UNFINISHED.search(data)) else len(data)
        self._rest = data[cut:] if len(data) - cut < _LONGEST_BYTES else b""
        return data[:cut]
