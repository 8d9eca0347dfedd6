"""How a turn can end early, and a process's exit in words. Shared by the tiers."""

import signal
from contextlib import suppress

from kyros.drivers.model import Outcome, ResultKind


class Ended(Exception):
    """The turn is over before its time; carries the outcome to the session's edge."""

    def __init__(self, result: ResultKind, evidence: str, note: str) -> None:
        super().__init__(note)
        self.outcome = Outcome(result, evidence, note)


def program_exit(code: int | None, is_confined: bool) -> int | None:
    """The program's own exit: a sandbox ends with 128 + n where signal n ended the program."""
    return 128 - code if is_confined and code is not None and 128 < code <= 128 + signal.NSIG else code


def exit_evidence(code: int | None) -> str:
    """`exit:1`, `signal:SIGKILL`; `exit:unknown` when nobody knows."""
    if code is None:
        return "exit:unknown"
    return f"exit:{code}" if code >= 0 else f"signal:{_signal_name(-code)}"


def exit_words(code: int | None) -> str:
    """ "with exit code 1", "by SIGKILL"."""
    if code is None:
        return "for an unknown reason"
    return f"with exit code {code}" if code >= 0 else f"by {_signal_name(-code)}"


def last_words(text: str, lines: int = 5, limit: int = 600) -> str:
    """The last lines that say something, on one line, for a note."""
    said = [line.strip() for line in text.splitlines() if line.strip()][-lines:]
    return " / ".join(said)[-limit:]


def _signal_name(number: int) -> str:
    with suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"
