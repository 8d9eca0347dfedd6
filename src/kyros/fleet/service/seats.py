"""Which profiles at which places are kept ready: those used lately, the last one first."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from kyros.drivers.model import Profile


@dataclass
class Seat:
    """A profile at a place: what is kept ready there, and how often it had to be started anew."""

    profile: Profile
    place: str
    used_at: datetime
    restarts: int = 0


class Seats:
    """A seat that nobody uses for `idle_seconds` is kept no longer."""

    def __init__(self, idle_seconds: float) -> None:
        self._idle = timedelta(seconds=idle_seconds)
        self._known: dict[tuple[str, str], Seat] = {}

    def use(self, profile: Profile, place: str, now: datetime) -> None:
        known = self._known.get((profile.name, place))
        restarts = known.restarts if known is not None else 0
        self._known[profile.name, place] = Seat(profile, place, now, restarts)

    def note_crash(self, profile: Profile, place: str) -> None:
        known = self._known.get((profile.name, place))
        if known is not None:
            known.restarts += 1

    def is_kept(self, profile: Profile, place: str, now: datetime) -> bool:
        known = self._known.get((profile.name, place))
        return known is not None and now - known.used_at <= self._idle

    def kept(self, now: datetime) -> list[Seat]:
        """The one used last first. The others are forgotten."""
        self._known = {key: one for key, one in self._known.items() if now - one.used_at <= self._idle}
        return sorted(self._known.values(), key=lambda one: one.used_at, reverse=True)

    def has(self, seat: Seat) -> bool:
        """Whether it was neither given up nor used again since."""
        return self._known.get((seat.profile.name, seat.place)) is seat

    def drop(self, seat: Seat) -> None:
        self._known.pop((seat.profile.name, seat.place), None)

    def clear(self) -> None:
        self._known.clear()
