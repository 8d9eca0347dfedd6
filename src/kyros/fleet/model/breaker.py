"""Whether a program that keeps failing may be started once more. Pure but for the dice it is given.

closed ─(so many failures in a row)─► open ─(a while)─► half open ─► closed | open
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

FAILURES = 5
OPEN_SECONDS = 30.0
_LONGEST_SECONDS = 60.0


@dataclass
class Breaker:
    """Of one profile. A start ahead of need waits for `backoff` as well; a caller only for the breaker."""

    random: Callable[[], float]
    failures: int = 0
    said: str = ""
    not_before: datetime | None = None
    open_until: datetime | None = None
    is_probing: bool = field(default=False)

    def wait_seconds(self, now: datetime) -> float:
        """How long a caller must still wait; 0: may start, as a probe where it was open."""
        if self.open_until is None:
            return 0.0
        left = (self.open_until - now).total_seconds()
        return left if left > 0 else 1.0 if self.is_probing else 0.0

    def may_start_ahead(self, now: datetime) -> bool:
        is_early = self.not_before is not None and now < self.not_before
        return not is_early and self.wait_seconds(now) == 0.0

    def started(self) -> None:
        """A start is under way; while half open it is the only one."""
        self.is_probing = self.open_until is not None

    def failed(self, now: datetime, said: str) -> None:
        self.failures += 1
        self.said = said
        self.is_probing = False
        longest = min(_LONGEST_SECONDS, 2.0**self.failures)
        self.not_before = now + timedelta(seconds=longest * self.random())
        if self.failures >= FAILURES:
            self.open_until = now + timedelta(seconds=OPEN_SECONDS)

    def let_go(self) -> None:
        """A start was called off: nobody knows more than before."""
        self.is_probing = False

    def came_up(self) -> None:
        """It is at its prompt. One more failure opens it again: it has proved nothing yet."""
        self.is_probing = False
        self.open_until = None
        self.failures = min(self.failures, FAILURES - 1)

    def worked(self) -> None:
        self.failures, self.said = 0, ""
        self.not_before = self.open_until = None
        self.is_probing = False
