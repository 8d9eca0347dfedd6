"""What passes one filter at the end of the log, kept once for all who follow with that filter."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Protocol

from kyros.events.model import Event, EventFilter, matches
from kyros.events.model.line import frame_of

_AT_ONCE = 500
ENOUGH_BYTES = 256 * 1024
_KEPT = 8
"""So many joined messages are kept, for readers who stand together; with each place's own, whoever asks from
every place in turn would fill the memory."""


class Entry:
    """A recent event. Its message is encoded when the first reader wants it, and never again."""

    def __init__(self, event: Event) -> None:
        self.event = event

    @cached_property
    def frame(self) -> bytes:
        return frame_of(self.event)


class Waiting(Protocol):
    position: int

    def wake(self) -> None: ...


class View:
    """`covered` is the number up to which every event was looked at; `waiting` are those who have read up
    to there and want to hear of more."""

    def __init__(self, match: EventFilter, recent: Iterable[Entry], covered: int) -> None:
        self.match, self.covered = match, covered
        self.waiting: dict[Waiting, None] = {}
        self._entries = [entry for entry in recent if matches(entry.event, match)]
        self._ids = [entry.event.id for entry in self._entries]
        self._joined: dict[int, tuple[bytes, int]] = {}

    def grow(self, fresh: Iterable[Entry], covered: int) -> None:
        """Look at what is new, and wake those who wait if any of it passes."""
        found = [entry for entry in fresh if matches(entry.event, self.match)]
        if found:
            self.release()
            self._entries += found
            self._ids += [entry.event.id for entry in found]
            self._joined.clear()
        self.covered = max(self.covered, covered)

    def recall(self, older: Iterable[Entry]) -> None:
        """Take what lies before all that is known."""
        found = [entry for entry in older if matches(entry.event, self.match)]
        self._entries[:0] = found
        self._ids[:0] = [entry.event.id for entry in found]
        self._joined.clear()

    def shrink(self, floor: int) -> None:
        """Let go of events up to `floor`."""
        gone = bisect_right(self._ids, floor)
        del self._entries[:gone], self._ids[:gone]
        self._joined.clear()

    def release(self) -> None:
        """Wake all who wait. There was nothing for them up to `covered`: that is where they stand."""
        released, self.waiting = self.waiting, {}
        for one in released:
            one.position = max(one.position, self.covered)
            one.wake()

    def messages_after(self, position: int) -> tuple[bytes, int]:
        """The messages after a position, joined once for all who stand there, and how far they reach."""
        at = bisect_right(self._ids, position)
        known = self._joined.get(at)
        if known is None:
            while len(self._joined) >= _KEPT:
                del self._joined[next(iter(self._joined))]
            known = self._joined[at] = self._join(at)
        joined, end = known
        return joined, self._reached(end, position)

    def events_after(self, position: int) -> tuple[Sequence[Event], int]:
        at = bisect_right(self._ids, position)
        end = at + _AT_ONCE
        return [entry.event for entry in self._entries[at:end]], self._reached(end, position)

    def _join(self, at: int) -> tuple[bytes, int]:
        """The messages from there on, and where the next ones begin."""
        frames: list[bytes] = []
        size_bytes = 0
        for entry in self._entries[at : at + _AT_ONCE]:
            frames.append(entry.frame)
            size_bytes += len(entry.frame)
            if size_bytes >= ENOUGH_BYTES:
                break
        return b"".join(frames), at + len(frames)

    def _reached(self, end: int, position: int) -> int:
        return self._ids[end - 1] if end < len(self._ids) else max(position, self.covered)
