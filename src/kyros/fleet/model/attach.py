"""What goes from whoever holds a run's keyboard to the worker that has the program. Pure.

One JSON object a message, each with whose hands it comes from: two windows of one person are two pairs. The
worker believes that somebody holds the keyboard for as long as it is told so again, and feels no other hands:
a server that dies in the middle gives it back.
"""

import base64
import binascii
import json
from dataclasses import dataclass

COLUMNS, ROWS = 120, 40
"""The window while nobody holds the keyboard: the signs of the profiles were learned in it."""
MOST_COLUMNS, MOST_ROWS = 500, 300
HELD_SECONDS = 15.0
BEAT_SECONDS = 5.0


@dataclass(frozen=True)
class Held:
    """Whoever is called `by` holds the keyboard now; None: these hands gave it back."""

    hands: str
    by: str | None


@dataclass(frozen=True)
class Keys:
    hands: str
    keys: bytes


@dataclass(frozen=True)
class Window:
    """Its size in cells."""

    hands: str
    columns: int
    rows: int


Touch = Held | Keys | Window


def touches_of(run_id: str) -> str:
    """The bus topic that the worker hears."""
    return f"attach:{run_id}"


def answers_of(run_id: str) -> str:
    """The bus topic on which the worker says that a terminal is there."""
    return f"attached:{run_id}"


def written(touch: Touch) -> bytes:
    match touch:
        case Held(_, by):
            content: dict[str, object] = {"held": by}
        case Keys(_, keys):
            content = {"keys": base64.b64encode(keys).decode()}
        case Window(_, columns, rows):
            content = {"window": [columns, rows]}
    return json.dumps({"hands": touch.hands, **content}).encode()


def read(message: bytes) -> Touch | None:
    """None for what is none of these."""
    try:
        match json.loads(message):
            case {"hands": str(hands), "held": str() | None as by}:
                return Held(hands, by)
            case {"hands": str(hands), "keys": str(keys)}:
                return Keys(hands, base64.b64decode(keys, validate=True))
            case {"hands": str(hands), "window": [int(columns), int(rows)]} if columns > 0 < rows:
                return Window(hands, min(columns, MOST_COLUMNS), min(rows, MOST_ROWS))
    except (ValueError, binascii.Error):
        return None
    return None
