"""What the log promises to the rooms above it, and what its own parts promise each other."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from kyros.events.model import Event, EventFilter, NewEvent
from kyros.kernel.answers import Answer, Once


class Outbox(Protocol):
    """Appends inside a store's own transaction: state and event stand or fall together."""

    def append_in(self, transaction: Any, events: Sequence[NewEvent]) -> None:
        """`transaction` is whatever the store writes with (an SQLAlchemy Connection)."""
        ...


class Follower(Protocol):
    """A place in the log, read as messages of the tail (`model/line.py`)."""

    async def read(self) -> bytes | None:
        """The next messages, whole and in order, as soon as there is one; a comment after 15 s without.
        None when it is over: the log hangs up, or the follower was closed."""
        ...

    def close(self) -> None:
        """End a `read` that waits, and all later ones."""
        ...


class EventLog(Outbox, Protocol):
    async def append(self, *events: NewEvent) -> list[int]:
        """Append on its own; returns the numbers once durable."""
        ...

    async def append_once(self, event: NewEvent, once: Once, answer: Callable[[int], Answer]) -> Answer:
        """Append and remember the answer under the key, together. A key that came before gets its answer
        again and appends nothing. Raises KeyReused when it came with another request."""
        ...

    async def page(self, after: int, limit: int, match: EventFilter) -> list[Event]:
        """Up to `limit` events with id > `after`, oldest first, of those the log still holds."""
        ...

    async def pick(self, ids: Sequence[int], match: EventFilter) -> list[Event]:
        """Those of these numbers that the log holds and the filter lets through, oldest first."""
        ...

    async def last_id(self) -> int:
        """0 for a log in which nothing ever happened."""
        ...

    async def first_id(self) -> int:
        """Of the oldest event the log still holds; the next one's while it is empty."""
        ...

    async def forget(self, up_to: int, limit: int) -> int:
        """Drop the oldest events, at most `limit`, none above `up_to`, and never the newest of all.
        Returns how many went."""
        ...

    def tail(self, after: int, match: EventFilter) -> AsyncGenerator[Event, None]:
        """Every matching event after `after`, then each new one as it is committed. No gap, no repeat.
        Close it (`aclosing`) when you stop reading."""
        ...

    def follow(self, after: int, match: EventFilter) -> AbstractAsyncContextManager[Follower]:
        """The same for many readers at once, each event encoded once for all of them. Whoever takes
        nothing for 30 s, or stays behind without coming nearer, is cancelled inside the context and leaves
        it without an error; it resumes by the number it had."""
        ...

    def hang_up(self) -> None:
        """The process is about to stop: followers end, those to come end at once."""
        ...


@dataclass(frozen=True)
class Scan:
    """What a look into the past found, and the number up to which it looked."""

    events: Sequence[Event]
    reached: int


@dataclass(frozen=True)
class Repair:
    """What was cut off the end of the file: from this byte on, so many; `kept` has them, if more than one
    unfinished line."""

    file: str
    offset: int
    cut_bytes: int
    kept: str | None


class EventFile(Protocol):
    """The log's copy for people, git and auditors: lines that are only ever added. One process at a time
    writes."""

    async def open(self) -> Repair | None:
        """Take the right to write and cut off what a crash left unfinished. Raises EventFileTaken while
        another process has that right."""
        ...

    async def close(self) -> None:
        """Give the right back, once an `append` under way is done. Closing twice is fine."""
        ...

    async def last(self) -> Event | None:
        """Of the newest line; None when there is none."""
        ...

    async def append(self, events: Sequence[Event]) -> None:
        """On the disk when this returns; those it has already are passed over, for a caller that was
        cancelled does not know. Raises DiskFull; no half line stands then."""
        ...


class EventArchive(Protocol):
    """The file read back, by anybody, while it is being written."""

    async def scan(self, after: int, before: int, limit: int, match: EventFilter) -> Scan:
        """Matching events with `after` < id < `before`, at most `limit`, oldest first. May stop early,
        having read enough for one time: `reached` says where to go on."""
        ...


@dataclass(frozen=True)
class Batch:
    """Whole lines of one file, without their ends; `line` is the first one's number, from 1. `fault` says
    what is wrong with the file as a whole."""

    file: str
    line: int
    lines: Sequence[bytes]
    fault: str | None = None


class EventLines(Protocol):
    """The file read back line by line, as it is."""

    def batches(self) -> AsyncIterator[Batch]:
        """Every line, oldest first."""
        ...


class HumanLogFile(Protocol):
    path: str
    """Relative to the home."""

    async def append(self, markdown: str) -> None:
        """On the disk when this returns. Raises DiskFull; nothing of it stands then."""
        ...


class Caller(Protocol):
    """Who asks, and what they may: auth decides, the wiring hands it in."""

    @property
    def name(self) -> str: ...

    def readable(self) -> frozenset[str] | None:
        """The projects whose events they may see; None is all. Raises a Denied when there are none."""
        ...

    def check_report(self, project_id: str | None) -> None:
        """Raises a Denied unless they may append events, in this project or (None) anywhere."""
        ...
