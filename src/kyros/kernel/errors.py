"""The one error tree. Errors know no HTTP and no exit code; each door maps kinds once.

KyrosError
├── NotFound   it does not exist, or not for you
├── Conflict   it exists or stands in the way; a person decides
├── Stale      you wrote against an old version
├── Invalid    the input cannot be used as it is
├── Denied     you may not
├── Busy       not now; the same call may work later
└── Upstream   another program or machine failed us
"""

from collections.abc import Mapping
from typing import ClassVar


class KyrosError(Exception):
    """A refusal: a stable code, one clear sentence with what to do, and the facts behind it."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str, **facts: object) -> None:
        super().__init__(message)
        self.message = message
        self.facts: Mapping[str, object] = facts


class NotFound(KyrosError):
    code = "not_found"


class Conflict(KyrosError):
    code = "conflict"


class Stale(KyrosError):
    code = "stale"


class Invalid(KyrosError):
    code = "invalid"


class Denied(KyrosError):
    code = "denied"


class Busy(KyrosError):
    code = "busy"


class Upstream(KyrosError):
    code = "upstream"


class DiskFull(Busy):
    """The disk under the home is full. Nothing acknowledged is lost."""

    code = "disk_full"
