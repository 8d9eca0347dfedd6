"""A prompt on its way into a composer: made harmless, typed as the program takes it, found again. Pure."""

import re
import unicodedata

_TAIL_SIGNS = 40
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
    """Recognizes the end of a prompt in a composer by its last signs, wherever lines are broken."""

    def __init__(self, prompt: str, screen_before: str) -> None:
        self._tail = _squeezed(clean(prompt))[-_TAIL_SIGNS:]
        self._before = self._count(screen_before)

    def is_new_in(self, screen_text: str) -> bool:
        """It stands there more often than before it was typed: an older prompt of these words is none."""
        return self._count(screen_text) > self._before

    def stands_in(self, screen_text: str) -> bool:
        return self._count(screen_text) > 0

    def _count(self, text: str) -> int:
        return _squeezed(text).count(self._tail) + len(_PLACEHOLDER.findall(text))


def _squeezed(text: str) -> str:
    """Words without blanks and without the frames that boxes draw around them."""
    return "".join(sign for sign in text if not sign.isspace() and not "\u2500" <= sign <= "\u259f")
