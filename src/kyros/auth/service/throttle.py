"""Failed sign-ins make the next one wait, longer each time; nobody is ever locked out for good."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from kyros.auth.errors import TooManyRequests
from kyros.kernel.clock import Clock

_REMEMBERED = 10_000


@dataclass(frozen=True)
class Patience:
    """So many free tries; then 1, 2, 4 … seconds, at most `longest_seconds`."""

    free: int
    longest_seconds: int

    def wait(self, tries: int) -> timedelta:
        """After so many failed tries."""
        over = tries - self.free
        return timedelta(seconds=min(2 ** min(over, 30), self.longest_seconds) if over >= 0 else 0)


WITH_NAME = Patience(free=5, longest_seconds=30)
"""Short, for whoever knows a name can make its owner wait."""
WITH_ADDRESS = Patience(free=10, longest_seconds=300)
FORGOTTEN_AFTER = timedelta(minutes=15)


@dataclass(frozen=True)
class _Tries:
    count: int
    last: datetime
    until: datetime


class Throttle:
    """Of this process. A try is counted before its password is looked at, so that a hundred at once
    gain nothing."""

    def __init__(self, now: Clock) -> None:
        self._now = now
        self._tries: OrderedDict[str, _Tries] = OrderedDict()

    def begin(self, name: str, address: str) -> None:
        """One try. Raises TooManyRequests, and counts nothing, while the last one must be waited out."""
        now = self._now()
        keys = ((f"name {name}", WITH_NAME), (f"from {address}", WITH_ADDRESS))
        waits = [self._of(key, now).until - now for key, _ in keys]
        if max(waits) > timedelta(0):
            raise _too_many(max(waits))
        for key, patience in keys:
            count = self._of(key, now).count + 1
            self._tries[key] = _Tries(count, now, now + patience.wait(count))
            self._tries.move_to_end(key)
        while len(self._tries) > _REMEMBERED:
            self._tries.popitem(last=False)

    def succeeded(self, name: str, address: str) -> None:
        """The name is forgiven all, the address this one try: one's own account buys no tries at others'."""
        self._tries.pop(f"name {name}", None)
        key, now = f"from {address}", self._now()
        tries = self._of(key, now)
        self._tries[key] = _Tries(max(0, tries.count - 1), tries.last, now)

    def _of(self, key: str, now: datetime) -> _Tries:
        tries = self._tries.get(key)
        if tries is None or not timedelta(0) <= now - tries.last < FORGOTTEN_AFTER:
            return _Tries(0, now, now)
        return tries


def _too_many(wait: timedelta) -> TooManyRequests:
    seconds = ceil(wait.total_seconds())
    return TooManyRequests(
        f"Too many failed sign-ins: try again in {seconds} s.", retry_after_seconds=seconds
    )
