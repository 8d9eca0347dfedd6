"""A program in a terminal that asks its prompter for a name, in a dialog its profile does not know."""

import shutil
import signal
import sys
from pathlib import Path


def say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def heard() -> str:
    line = ""
    while (sign := sys.stdin.read(1)) not in ("\r", "\n", ""):
        line += sign
        say(sign)
    say("\r\n")
    return line


signal.signal(
    signal.SIGWINCH, lambda *_: Path("window.txt").write_text("{}x{}".format(*shutil.get_terminal_size()))
)
while True:
    say("> ")
    if not heard():
        break
    say("at work\r\nWhat is its name? ")
    Path("made.txt").write_text(heard())
    say("at work\r\n\x1b[2Jdone\r\n")
