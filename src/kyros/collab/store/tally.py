"""The revision of each collection, moved on item by item: it costs the same however many there are."""

from sqlalchemy import Connection

from kyros.collab.model import Kind, Revision
from kyros.infra.db import swiftly

_READ = "SELECT revision, fold_high, fold_low, count FROM collab_state WHERE kind = ?"
_HALF = 2**32
_MOVE = """
UPDATE collab_state SET
  revision = revision + 1, count = count + ?,
  fold_high = (fold_high + ? + ((fold_low + ?) >> 32)) & 4294967295, fold_low = (fold_low + ?) & 4294967295
WHERE kind = ?
"""
_BEGIN = "INSERT INTO collab_state (kind, revision, count, fold_high, fold_low) VALUES (?, ?, ?, ?, ?)"
_RESET = "DELETE FROM collab_state WHERE kind = ?"


def revision(connection: Connection, kind: Kind) -> Revision:
    row = swiftly(connection, _READ, (kind.value,)).first()
    return Revision(0, 0, 0) if row is None else Revision(row[0], row[1] * _HALF + row[2], row[3])


def added(connection: Connection, kind: Kind, digest: int) -> None:
    _move(connection, kind, 1, digest)


def changed(connection: Connection, kind: Kind, old: int, new: int) -> None:
    """By their digests."""
    _move(connection, kind, 0, new - old)


def dropped(connection: Connection, kind: Kind, digest: int) -> None:
    _move(connection, kind, -1, -digest)


def set_to(connection: Connection, kind: Kind, now: Revision) -> None:
    swiftly(connection, _RESET, (kind.value,))
    high, low = divmod(now.fold, _HALF)
    swiftly(connection, _BEGIN, (kind.value, now.number, now.count, high, low))


def _move(connection: Connection, kind: Kind, more: int, difference: int) -> None:
    high, low = divmod(difference % _HALF**2, _HALF)
    moved = swiftly(connection, _MOVE, (more, high, low, low, kind.value))
    if moved.count == 0:
        swiftly(connection, _BEGIN, (kind.value, 1, more, high, low))
