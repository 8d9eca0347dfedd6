"""How many cells a sign takes, and which signs join the one before them. Pure."""

import re
import unicodedata
from functools import lru_cache

PLAIN = (
    " -~\u00a0-\u00a8\u00aa-\u00ac\u00af-\u02ff\u0370-\u0377\u037a-\u037f\u0384-\u038a\u038e-\u03a1"
    "\u03a3-\u0482\u2010-\u2027\u2030-\u203b\u203d-\u2048\u204a-\u205e\u2190-\u2193\u21ab-\u22ff\u2400-\u2426"
    "\u2500-\u25a9\u25ac-\u25b5\u25b7-\u25bf\u25c1-\u25fa\u2800-\u28ff"
)
"""A regular expression's set of the signs that are one cell each and join nothing, whatever stands before
them: the bulk of what programs print."""

WIDE = "\u3041-\u3096\u30a0-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff60"
"""The same for two cells."""

_ZERO_WIDTH = frozenset(("Mn", "Me", "Cf", "Zl", "Zp"))
_JOINER, _EMOJI_STYLE = "\u200d", "\ufe0f"
_CELL_LIMIT = 32
_EMOJI = re.compile(
    "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u21aa\u2300-\u23ff\u24c2\u25aa\u25ab\u25b6\u25c0\u25fb-\u25fe\u2600-\u27bf\u2934\u2935"
    "\u2b05-\u2b55\u3030\u303d\u3297\u3299\U0001f000-\U0001f1e5\U0001f200-\U0001f3fa\U0001f400-\U0001faff]"
)
_KEY = frozenset("0123456789#*")
_FLAG = re.compile("[\U0001f1e6-\U0001f1ff]")
_JAMO = re.compile("[\u1160-\u11ff\ud7b0-\ud7c6\ud7cb-\ud7fb]")
_NEWLY_WIDE = re.compile(
    "[\u2630-\u2637\u268a-\u268f\u4dc0-\u4dff\U0001d300-\U0001d356\U0001d360-\U0001d376]"
)
_WIDE_WHEN_ASSIGNED = re.compile(
    "[\U0001f300-\U0001f64f\U0001f680-\U0001f6ff\U0001f900-\U0001f9ff\U0001fa70-\U0001faff\U00020000-\U0003fffd]"
)


@lru_cache(maxsize=8192)
def width_of(sign: str) -> int:
    """Cells one sign takes by itself: 0 for what only joins, 2 for wide ones and emoji, else 1."""
    if sign < "\u0300":
        return 1
    category = unicodedata.category(sign)
    if category in _ZERO_WIDTH or _JAMO.match(sign):
        return 0
    if category == "Cn":  # newer than our tables: emoji and ideographs keep coming in these blocks
        return 2 if _WIDE_WHEN_ASSIGNED.match(sign) else 1
    if _FLAG.match(sign) or _NEWLY_WIDE.match(sign):
        return 2
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1


@lru_cache(maxsize=8192)
def joined(cell: str, sign: str) -> str | None:
    """`cell` with `sign` in it, or None where `sign` begins a cell of its own. Marks, skin tones, the second
    half of a flag and what a joiner ties to an emoji share the cell; a cell has an end all the same."""
    if width_of(sign) == 0:
        joins = True
    elif cell[-1:] == _JOINER:
        joins = bool(_EMOJI.match(cell) and _EMOJI.match(sign))
    elif "\U0001f3fb" <= sign <= "\U0001f3ff":
        joins = bool(_EMOJI.match(cell))
    else:
        joins = len(cell) == 1 and bool(_FLAG.match(cell) and _FLAG.match(sign))
    if not joins:
        return None
    return cell + sign if len(cell) < _CELL_LIMIT else cell


def widens(cell: str, sign: str) -> bool:
    """Whether `sign` after the narrow `cell` asks for its emoji, which takes two cells."""
    return sign == _EMOJI_STYLE and len(cell) == 1 and (cell in _KEY or bool(_EMOJI.match(cell)))
