"""What a profile's signals say about a screen: ready, busy, a dialog, or nothing we know. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from kyros.drivers.adapters.terminal.prompt import Trace, without
from kyros.drivers.adapters.terminal.screen import Screen
from kyros.drivers.model import ActionKind, ApprovalRequest, TerminalSignals


class Sight(StrEnum):
    READY = "ready"
    BUSY = "busy"
    DIALOG = "dialog"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Reading:
    """One look at the live region: what it shows, its text, and the request if it is a dialog."""

    sight: Sight
    text: str
    request: ApprovalRequest | None = None

    def means_the_same(self, other: "Reading") -> bool:
        """Whatever moved on the screen, no state did."""
        return (self.sight, self.request) == (other.sight, other.request)


NOTHING_YET = Reading(Sight.UNKNOWN, "")


class Reader:
    """Matches only in the live bottom region, never in what scrolled away nor in the echo of a prompt. A
    dialog outranks the busy sign, and that outranks the prompt: most programs leave their input box on the
    screen while they work."""

    def __init__(self, signals: TerminalSignals) -> None:
        self._rows = signals.live_rows
        self._ready = re.compile(signals.ready, re.MULTILINE)
        self._busy = _optional(signals.busy)
        self._approval = _optional(signals.approval)
        self._failed = _optional(signals.failed)
        self._subjects = [
            (kind, re.compile(pattern, re.MULTILINE))
            for kind, pattern in (
                (ActionKind.WRITE, signals.write_subject),
                (ActionKind.COMMAND, signals.command_subject),
            )
            if pattern
        ]

    def read(self, screen: Screen, echoes: Iterable[Trace] = ()) -> Reading:
        """`echoes` are the prompts that were typed; a reading's text holds them, its signs do not."""
        shown = screen.live(self._rows)
        text = without(echoes, shown)
        dialog = _last(self._approval, text)
        if dialog:
            return Reading(Sight.DIALOG, shown, self._request(text, dialog))
        if _last(self._busy, text) or "state=working" in screen.report.split(":"):
            return Reading(Sight.BUSY, shown)
        return Reading(Sight.READY if self._ready.search(text) else Sight.UNKNOWN, shown)

    def failure(self, text: str) -> str | None:
        """Why the program itself says the turn failed, if it does."""
        match = _last(self._failed, text)
        return None if match is None else (match.group(1) if match.groups() else match.group()).strip()

    def _request(self, text: str, dialog: re.Match[str]) -> ApprovalRequest:
        """The subject nearest above the question's end; none we know makes it OTHER."""
        found = [
            (match, kind)
            for kind, pattern in self._subjects
            for match in pattern.finditer(text, 0, dialog.end())
        ]
        if not found:
            return ApprovalRequest(ActionKind.OTHER, "", dialog.group().strip())
        match, kind = max(found, key=lambda pair: pair[0].start())
        return ApprovalRequest(kind, match.group(1).strip(), text[match.start() : dialog.end()].strip())


def _optional(pattern: str | None) -> re.Pattern[str] | None:
    return re.compile(pattern, re.MULTILINE) if pattern else None


def _last(pattern: re.Pattern[str] | None, text: str) -> re.Match[str] | None:
    matches = [*pattern.finditer(text)] if pattern else []
    return matches[-1] if matches else None
