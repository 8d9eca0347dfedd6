"""The person's terminal: raw keys in, lines and one live status line out. Knows no task."""

import os
import signal
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager

GREEN, RED, YELLOW, BLUE, DIM, BOLD, PLAIN = (
    "\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[34m", "\x1b[2m", "\x1b[1m", "\x1b[0m",
)  # fmt: skip
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


class Screen:
    """Where everything is printed. The status line, when there is one, is always the last."""

    def __init__(self) -> None:
        self.lively = sys.stdout.isatty()
        self._status = ""
        self._since = 0.0
        self._drawn_at = 0.0

    def say(self, text: str = "") -> None:
        """Print lines above the status line."""
        self._write(f"{self._wipe()}{text}\n{self._drawn()}")

    def quote(self, text: str) -> None:
        """Lines that are not ours: indented, so that none of them can pass for a prompt."""
        self.say("\n".join(f"  {DIM}│{PLAIN} {line}" for line in text.split("\n")))

    def work(self, what: str) -> None:
        """Show what is being done until `rest`."""
        self._status = what
        self._since = time.monotonic()
        self._write(self._wipe() + self._drawn())

    def beat(self) -> None:
        """Bring the status line up to date, at most four times a second."""
        if self._status and time.monotonic() - self._drawn_at > 0.25:
            self._write(self._wipe() + self._drawn())

    def rest(self) -> None:
        wipe, self._status = self._wipe(), ""
        self._write(wipe)

    def raw(self, text: str) -> None:
        """Print as it is; only while there is no status line."""
        self._write(text)

    def _wipe(self) -> str:
        return "\r\x1b[K" if self._status and self.lively else ""

    def _drawn(self) -> str:
        if not (self._status and self.lively):
            return ""
        self._drawn_at = time.monotonic()
        seconds = int(self._drawn_at - self._since)
        spinner = _SPINNER[int(self._drawn_at * 4) % len(_SPINNER)]
        tail = f" ({seconds}s, ctrl+c cancels)"
        room = os.get_terminal_size().columns - len(tail) - 4
        what = self._status if len(self._status) <= room else self._status[: max(room - 1, 0)] + "…"
        return f"{BLUE}{spinner}{PLAIN} {what}{DIM}{tail}{PLAIN}"

    def _write(self, text: str) -> None:
        """At once: the brackets of a synchronized update keep a half-drawn status line from being seen."""
        if not text:
            return
        data = (f"\x1b[?2026h{text}\x1b[?2026l" if self.lively else _plain(text)).encode("utf-8", "replace")
        while data:
            data = data[os.write(1, data) :]


@contextmanager
def raw_keys() -> Iterator[None]:
    """Keys reach us one by one and unechoed; Ctrl-C still is an interrupt, Ctrl-Z and Ctrl-\\ are off."""
    before = termios.tcgetattr(0)
    raw = termios.tcgetattr(0)
    raw[0] &= ~(termios.ICRNL | termios.INLCR | termios.IXON)
    raw[3] = (raw[3] & ~(termios.ICANON | termios.ECHO | termios.IEXTEN)) | termios.ISIG | termios.NOFLSH
    for key in (termios.VSUSP, termios.VQUIT):
        raw[6][key] = b"\x00"
    raw[6][termios.VMIN], raw[6][termios.VTIME] = 1, 0
    termios.tcsetattr(0, termios.TCSADRAIN, raw)
    os.write(1, b"\x1b[?2004h")
    try:
        yield
    finally:
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        os.write(1, b"\x1b[?2004l")
        termios.tcsetattr(0, termios.TCSADRAIN, before)


def _plain(text: str) -> str:
    for code in (GREEN, RED, YELLOW, BLUE, DIM, BOLD, PLAIN):
        text = text.replace(code, "")
    return text
