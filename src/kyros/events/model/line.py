"""An event as bytes: the line of the file, the message of the tail, and the chain through the lines."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson

from kyros.events.model.event import Event

NO_LINE = "0" * 64
"""What the first line of all names as the one before it."""

RETRY_MS = 2_000


@dataclass(frozen=True)
class Line:
    """A line read back: its event, and the `prev` it bears, if any."""

    event: Event
    prev: str | None


def line_of(event: Event, prev: str | None = None) -> bytes:
    """The event's one canonical line, without its end: fields in this order, details sorted by key."""
    details = orjson.dumps(dict(event.details), option=orjson.OPT_SORT_KEYS)
    document: dict[str, object] = {**event.document(), "details": orjson.Fragment(details)}
    if prev is not None:
        document["prev"] = prev
    return orjson.dumps(document)


def digest_of_line(line: bytes) -> str:
    """What the line after bears as `prev`: SHA-256 of the bytes without the line's end."""
    return sha256(line).hexdigest()


def read_line(line: bytes) -> Line | None:
    """None for what is no event's line."""
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(found, dict) or not _is_event(found):
        return None
    prev = found.pop("prev", None)
    return Line(Event(**found), prev)


def frame_of(event: Event) -> bytes:
    """The event as a server-sent message."""
    return b"id: %d\ndata: %b\n\n" % (event.id, orjson.dumps(event.document()))


def opening_frame(after: int) -> bytes:
    """Bears an id, so that a client cut off before any event resumes without a gap."""
    return b"retry: %d\nid: %d\n\n" % (RETRY_MS, after)


def reset_frame(last: int) -> bytes:
    """Tells a reader that cannot go on where it was that it goes on from here."""
    return b'retry: %d\nevent: reset\nid: %d\ndata: {"last_id":%d}\n\n' % (RETRY_MS, last, last)


def still_here_frame(position: int) -> bytes:
    """A comment, and how far the reader has come although nothing was for it."""
    return b": still here\nid: %d\n\n" % position


_FIELDS: Mapping[str, type] = {
    "id": int, "ts": str, "event": str, "actor": str, "target": str, "details": dict
}  # fmt: skip


def _is_event(found: dict[str, Any]) -> bool:
    prev = found.get("prev", "")
    known = found.keys() - {"prev"} == _FIELDS.keys()
    return known and isinstance(prev, str) and all(isinstance(found[n], kind) for n, kind in _FIELDS.items())
