"""Runs one `sh run` block and streams what it prints, made harmless for the terminal."""

import codecs
import os
import re
import select
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_CONTROL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI
    r"|\x1b[\]P_^X].*?(?:\x07|\x1b\\)"  # OSC and its kin
    r"|\x1b[ -/]*[0-~]"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
_AFTER_EXIT_SECONDS = 0.2
_GRACE_SECONDS = 2.0


def run_command(script: str, cwd: Path, show: Callable[[str], None], beat: Callable[[], None]) -> int:
    """Exit code of `sh -c script`; negative when a signal ended it.

    `show` gets whole lines without control sequences; `beat` is called at least once a second.
    KeyboardInterrupt stops the command and passes on. The command stays in our process group, so
    whoever stops playbook stops it too.
    """
    process = subprocess.Popen(
        ["/bin/sh", "-c", script],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        _stream(process, _Lines(show), beat)
        return process.wait()
    finally:
        _stop(process)


def _stream(process: "subprocess.Popen[bytes]", lines: "_Lines", beat: Callable[[], None]) -> None:
    """Until the command ends; what it left in the background may keep the pipe, we do not wait for it."""
    assert process.stdout is not None
    handle = process.stdout.fileno()
    deadline: float | None = None
    pause = 0.01
    while deadline is None or time.monotonic() < deadline:
        ready, _, _ = select.select([handle], [], [], pause)
        if ready:
            chunk = os.read(handle, 65536)
            if not chunk:
                break
            lines.feed(chunk)
        pause = 0.01 if ready else min(pause * 2, 0.1)
        beat()
        if deadline is None and process.poll() is not None:
            deadline = time.monotonic() + (_AFTER_EXIT_SECONDS if ready else 0.0)
    lines.end()


def _stop(process: "subprocess.Popen[bytes]") -> None:
    assert process.stdout is not None
    process.stdout.close()
    if process.poll() is not None:
        return
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE_SECONDS)
        return
    process.kill()
    process.wait()


class _Lines:
    """Bytes in, whole clean lines out; a carriage return begins a line anew."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    def feed(self, chunk: bytes) -> None:
        text = self._rest + self._decoder.decode(chunk)
        text, newline, self._rest = text.rpartition("\n")
        if newline:
            self._show("\n".join(_clean(line) for line in text.split("\n")))
        if len(self._rest) > 10_000:
            self.end()

    def end(self) -> None:
        if self._rest:
            self._show(_clean(self._rest))
            self._rest = ""


def _clean(line: str) -> str:
    shown = line.rstrip("\r").rpartition("\r")[2]
    return _CONTROL.sub("", shown).replace("\t", "    ")
