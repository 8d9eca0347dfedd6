"""How a command ends: the one table from kinds of error, and from HTTP answers, to exit codes."""

from collections.abc import Mapping
from enum import IntEnum

from kyros.kernel.errors import Conflict, Denied, Invalid, KyrosError, NotFound, Stale


class Exit(IntEnum):
    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    REFUSED = 4
    UNREACHABLE = 5


_KINDS: Mapping[type[KyrosError], Exit] = {
    NotFound: Exit.NOT_FOUND,
    Conflict: Exit.REFUSED,
    Stale: Exit.REFUSED,
    Invalid: Exit.REFUSED,
    Denied: Exit.REFUSED,
}


def exit_of(error: KyrosError) -> Exit:
    """Refused is what the caller must change; what failed on our side (Busy, Upstream) is failed."""
    return next((code for kind, code in _KINDS.items() if isinstance(error, kind)), Exit.FAILED)


def exit_of_status(status: int) -> Exit:
    """The same for an answer that came over HTTP."""
    if status < 400:
        return Exit.DONE
    if status == 404:
        return Exit.NOT_FOUND
    return Exit.REFUSED if status < 500 else Exit.FAILED
