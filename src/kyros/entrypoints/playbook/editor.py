"""Reads one message from the keyboard: typed or pasted, edited with backspace. Decides nothing."""

import codecs
import os
import re
import unicodedata

from kyros.entrypoints.playbook.screen import Screen

_PASTE_BEGIN, _PASTE_END = "\x1b[200~", "\x1b[201~"
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|[^\[O])")
_PARTIAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|O)?$")


class Keyboard:
    """What was typed, as keys: single signs, whole escape sequences, or `paste:` + text."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._waiting = ""

    def next_key(self) -> str:
        """Blocks for the next key. Raises EOFError when the terminal is gone."""
        while True:
            key = self._take()
            if key:
                return key
            self._read()

    def forget(self) -> None:
        """Drop what was typed ahead."""
        self._waiting = ""

    def _read(self) -> None:
        try:
            chunk = os.read(0, 65536)
        except OSError as error:
            raise EOFError from error
        if not chunk:
            raise EOFError
        self._waiting += self._decoder.decode(chunk)

    def _take(self) -> str | None:
        if self._waiting.startswith(_PASTE_BEGIN):
            text, end, rest = self._waiting[len(_PASTE_BEGIN) :].partition(_PASTE_END)
            if not end:
                return None
            self._waiting = rest
            return f"paste:{text}"
        if not self._waiting or _PARTIAL.match(self._waiting):
            return None
        escape = _ESCAPE.match(self._waiting)
        size = escape.end() if escape else 1
        key, self._waiting = self._waiting[:size], self._waiting[size:]
        return key


def read_message(screen: Screen, keyboard: Keyboard, prompt: str) -> str:
    """One message, without its final Enter. Raises EOFError on Ctrl-D or hang-up, KeyboardInterrupt on
    Ctrl-C. Lines of a paste are kept and shown indented, so only `prompt` begins at the left edge."""
    text = ""
    screen.raw(prompt)
    while True:
        key = keyboard.next_key()
        if key in ("\r", "\n"):
            screen.raw("\n")
            return text
        if key == "\x04" and not text:
            raise EOFError
        text = _edited(screen, text, key)


def _edited(screen: Screen, text: str, key: str) -> str:
    if key in ("\x7f", "\b"):
        return _without_last(screen, text)
    if key == "\x15":  # Ctrl-U
        while text and text[-1] != "\n":
            text = _without_last(screen, text)
        return text
    added = _printable(key[6:]) if key.startswith("paste:") else _printable(key) if len(key) == 1 else ""
    screen.raw(added.replace("\n", "\n  "))
    return text + added


def _without_last(screen: Screen, text: str) -> str:
    """Take back one sign as it is seen; a line break stays: its line is no longer ours to redraw."""
    if not text or text[-1] == "\n":
        return text
    last = text[-1]
    columns = 2 if unicodedata.east_asian_width(last) in "WF" else 0 if unicodedata.combining(last) else 1
    screen.raw("\b \b" * columns)
    return text[:-1]


def _printable(text: str) -> str:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").expandtabs(4)
    return "".join(sign for sign in lines if sign == "\n" or unicodedata.category(sign) not in ("Cc", "Cs"))
