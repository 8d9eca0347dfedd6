"""Leases, their counters and those who wait for them, as rows."""

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection

from kyros.collab.model import Lease, Waiter
from kyros.infra.db import swiftly
from kyros.kernel.clock import to_text

_NAMES = tuple(field.name for field in fields(Lease))
_COLUMNS = ", ".join(_NAMES)
_SELECT = f"SELECT {_COLUMNS} FROM leases"  # noqa: S608 - our own names
_PUT = f"""
INSERT INTO leases ({_COLUMNS}) VALUES ({", ".join("?" * len(_NAMES))})
ON CONFLICT (resource) DO UPDATE SET
  lock_id = excluded.lock_id, holder = excluded.holder, fencing_token = excluded.fencing_token,
  acquired_at = excluded.acquired_at, heartbeat_at = excluded.heartbeat_at,
  expires_at = excluded.expires_at, ttl_seconds = excluded.ttl_seconds
"""  # noqa: S608
_DROP = f"DELETE FROM leases WHERE resource = ? RETURNING {_COLUMNS}"  # noqa: S608
_RAISE_FENCE = """
INSERT INTO lease_fences (resource, last_token) VALUES (?, 1)
ON CONFLICT (resource) DO UPDATE SET last_token = lease_fences.last_token + 1
RETURNING last_token
"""
_WAITERS = "SELECT ticket, holder, resources, seen_at, until FROM lease_waiters ORDER BY ticket"
_WAIT = "INSERT INTO lease_waiters (holder, resources, seen_at, until) VALUES (?, ?, ?, ?) RETURNING ticket"
_PUT_WAITER = "UPDATE lease_waiters SET holder = ?, resources = ?, seen_at = ?, until = ? WHERE ticket = ?"
_LEAVE = "DELETE FROM lease_waiters WHERE ticket = ?"
_LAST_SIGN = "\U0010ffff"


def find_on(connection: Connection, resources: Sequence[str]) -> Sequence[Lease]:
    if not resources:
        return []
    marks = ", ".join("?" * len(resources))
    return _leases(connection, f"WHERE resource IN ({marks})", resources)


def find_of(connection: Connection, lock_id: str) -> Sequence[Lease]:
    return _leases(connection, "WHERE lock_id = ?", (lock_id,))


def find_under(connection: Connection, prefix: str) -> Sequence[Lease]:
    return _leases(connection, "WHERE resource >= ? AND resource < ?", (prefix, prefix + _LAST_SIGN))


def find_by(connection: Connection, holder_prefix: str) -> Sequence[Lease]:
    span = (holder_prefix, holder_prefix + _LAST_SIGN)
    return _leases(connection, "WHERE holder >= ? AND holder < ?", span)


def find_all(connection: Connection) -> Sequence[Lease]:
    return _leases(connection, "", ())


def put(connection: Connection, lease: Lease) -> Lease:
    """Returns it as it is read back."""
    kept = replace(lease, ttl_seconds=float(lease.ttl_seconds))
    swiftly(connection, _PUT, tuple(getattr(kept, name) for name in _NAMES))
    return kept


def drop(connection: Connection, resource: str) -> Lease | None:
    """Returns what was there."""
    row = swiftly(connection, _DROP, (resource,)).first()
    return None if row is None else Lease(*row)


def next_token(connection: Connection, fence: str) -> int:
    return int(swiftly(connection, _RAISE_FENCE, (fence,)).value())


def waiters(connection: Connection) -> Sequence[Waiter]:
    return [
        Waiter(ticket, holder, tuple(orjson.loads(resources)), seen_at, until)
        for ticket, holder, resources, seen_at, until in swiftly(connection, _WAITERS)
    ]


def add_waiter(
    connection: Connection, holder: str, resources: Sequence[str], seen_at: datetime, until: datetime
) -> Waiter:
    seen, end = to_text(seen_at), to_text(until)
    ticket = swiftly(connection, _WAIT, (holder, _text(resources), seen, end)).value()
    return Waiter(ticket, holder, tuple(resources), seen, end)


def put_waiter(connection: Connection, waiter: Waiter) -> None:
    resources = _text(waiter.resources)
    swiftly(connection, _PUT_WAITER, (waiter.holder, resources, waiter.seen_at, waiter.until, waiter.ticket))


def drop_waiter(connection: Connection, ticket: int) -> None:
    swiftly(connection, _LEAVE, (ticket,))


def _leases(connection: Connection, where: str, values: Sequence[Any]) -> Sequence[Lease]:
    rows = swiftly(connection, f"{_SELECT} {where} ORDER BY resource", values)
    return [Lease(*row) for row in rows]


def _text(resources: Sequence[str]) -> str:
    return orjson.dumps(list(resources)).decode()
