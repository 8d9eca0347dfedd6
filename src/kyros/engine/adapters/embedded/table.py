"""The table of jobs and every statement on it. Runs inside a given transaction; decides nothing.

    queued ──claim──► claimed ──finish──► (row deleted, or queued once more when nudged meanwhile)
      ▲ ▲ ▲              │ │ │
      │ │ └── give back ─┘ │ └── fail ──► queued after a delay, `dead` after the last attempt
      │ └── claim lost ────┘
      └── enqueue with the same key: earlier start, or `again_at` when it is claimed

`attempt` counts claims and never goes back, so (id, claimed_by, attempt) fences every answer: who
lost a claim cannot touch the job any more. Times are seconds since the epoch.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Float, Index, Integer, Table, Text, text

from kyros.engine.model import Job, NewJob
from kyros.infra.db import BIG_INTEGER, metadata, prepared_many, swiftly

engine_jobs = Table(
    "engine_jobs",
    metadata,
    Column("id", BIG_INTEGER, primary_key=True),
    Column("handler", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("key", Text),
    Column("state", Text, nullable=False),
    Column("visible_at", Float, nullable=False),
    Column("again_at", Float),
    Column("claimed_by", Text),
    Column("claimed_until", Float),
    Column("attempt", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("losses", Integer, nullable=False),
    Column("last_error", Text),
    Index(
        "engine_jobs_key",
        "key",
        unique=True,
        sqlite_where=text("key IS NOT NULL AND state <> 'dead'"),
        postgresql_where=text("key IS NOT NULL AND state <> 'dead'"),
    ),
    Index(
        "engine_jobs_queued",
        "visible_at",
        "handler",
        sqlite_where=text("state = 'queued'"),
        postgresql_where=text("state = 'queued'"),
    ),
    Index(
        "engine_jobs_claimed",
        "claimed_until",
        sqlite_where=text("state = 'claimed'"),
        postgresql_where=text("state = 'claimed'"),
    ),
    sqlite_autoincrement=True,  # a number used twice would break the fence
)

_ENQUEUE = """
INSERT INTO engine_jobs (handler, payload, key, state, visible_at, attempt, failures, losses)
VALUES (?, ?, ?, 'queued', ?, 0, 0, 0)
ON CONFLICT (key) WHERE key IS NOT NULL AND state <> 'dead' DO UPDATE SET
  visible_at = CASE WHEN engine_jobs.state = 'queued' AND excluded.visible_at < engine_jobs.visible_at
    THEN excluded.visible_at ELSE engine_jobs.visible_at END,
  again_at = CASE WHEN engine_jobs.state = 'claimed'
    AND (engine_jobs.again_at IS NULL OR excluded.visible_at < engine_jobs.again_at)
    THEN excluded.visible_at ELSE engine_jobs.again_at END
"""
_DEPTH = "SELECT count(*) FROM engine_jobs WHERE state IN ('queued', 'claimed')"
_CLAIM = """
UPDATE engine_jobs SET state = 'claimed', claimed_by = ?, claimed_until = ?, attempt = attempt + 1,
  again_at = CASE WHEN again_at > ? THEN again_at END
WHERE id IN (SELECT id FROM engine_jobs WHERE state = 'queued' AND visible_at <= ?
  AND handler IN ({handlers}) ORDER BY visible_at LIMIT ?)
RETURNING visible_at, id, handler, payload, attempt, failures
"""
_NEXT = """
SELECT visible_at FROM engine_jobs WHERE state = 'queued' AND handler IN ({handlers})
ORDER BY visible_at LIMIT 1
"""
_FINISH_NUDGED = """
UPDATE engine_jobs SET state = 'queued', claimed_by = NULL, claimed_until = NULL,
  visible_at = again_at, again_at = NULL, failures = 0, losses = 0
WHERE id = ? AND claimed_by = ? AND attempt = ? AND state = 'claimed' AND again_at IS NOT NULL
"""
_FINISH = "DELETE FROM engine_jobs WHERE id = ? AND claimed_by = ? AND attempt = ? AND state = 'claimed'"
_AGAIN = """
UPDATE engine_jobs SET state = 'queued', claimed_by = NULL, claimed_until = NULL,
  visible_at = CASE WHEN again_at < ? THEN again_at ELSE ? END, again_at = NULL, failures = 0, losses = 0
WHERE id = ? AND claimed_by = ? AND attempt = ? AND state = 'claimed'
"""
_FAIL = """
UPDATE engine_jobs SET state = 'queued', claimed_by = NULL, claimed_until = NULL,
  visible_at = CASE WHEN again_at < ? THEN again_at ELSE ? END, again_at = NULL,
  failures = failures + 1, last_error = ?
WHERE id = ? AND claimed_by = ? AND attempt = ? AND state = 'claimed'
"""
_BURY = """
UPDATE engine_jobs SET state = CASE WHEN again_at IS NULL THEN 'dead' ELSE 'queued' END,
  claimed_by = NULL, claimed_until = NULL, visible_at = coalesce(again_at, visible_at), again_at = NULL,
  failures = CASE WHEN again_at IS NULL THEN failures + 1 ELSE 0 END, last_error = ?
WHERE id = ? AND claimed_by = ? AND attempt = ? AND state = 'claimed'
"""
_GIVE_BACK = """
UPDATE engine_jobs SET state = 'queued', claimed_by = NULL, claimed_until = NULL
WHERE id = ? AND claimed_by = ? AND attempt = ? AND state = 'claimed'
"""
_GIVE_BACK_ALL = """
UPDATE engine_jobs SET state = 'queued', claimed_by = NULL, claimed_until = NULL
WHERE claimed_by = ? AND state = 'claimed'
"""
_RENEW = """
UPDATE engine_jobs SET claimed_until = ? WHERE claimed_by = ? AND state = 'claimed' RETURNING id, attempt
"""
_LOSE = """
UPDATE engine_jobs SET state = CASE WHEN losses + 1 >= ? THEN 'dead' ELSE 'queued' END,
  losses = losses + 1, claimed_by = NULL, claimed_until = NULL, last_error = ?
WHERE state = 'claimed' AND {which}
RETURNING id, state
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """A job that is ours until the claim ends. `failures` since it last succeeded."""

    job: Job
    failures: int


def enqueue(connection: Connection, job: NewJob, now: float) -> None:
    payload = json.dumps(dict(job.payload), separators=(",", ":"))
    swiftly(connection, _ENQUEUE, (job.handler, payload, job.key, now + job.delay_seconds))


def depth(connection: Connection) -> int:
    return int(swiftly(connection, _DEPTH).value())


def claim(
    connection: Connection, owner: str, handlers: Sequence[str], limit: int, now: float, until: float
) -> list[Claim]:
    """Up to `limit` jobs that may start, oldest first, ours from here on."""
    statement = _CLAIM.format(handlers=_marks(handlers))
    rows = swiftly(connection, statement, (owner, until, now, now, *handlers, limit)).all()
    return [Claim(Job(r[1], r[2], json.loads(r[3]), r[4]), r[5]) for r in sorted(rows, key=lambda r: r[:2])]


def next_start(connection: Connection, handlers: Sequence[str]) -> float | None:
    """When the first waiting job may start."""
    row = swiftly(connection, _NEXT.format(handlers=_marks(handlers)), handlers).first()
    return None if row is None else float(row[0])


def finish(connection: Connection, owner: str, jobs: Sequence[Job]) -> None:
    fences = [(job.id, owner, job.attempt) for job in jobs]
    prepared_many(connection, _FINISH_NUDGED, fences)
    prepared_many(connection, _FINISH, fences)


def again(connection: Connection, owner: str, job: Job, at: float) -> None:
    swiftly(connection, _AGAIN, (at, at, job.id, owner, job.attempt))


def fail(connection: Connection, owner: str, job: Job, error: str, retry_at: float) -> None:
    swiftly(connection, _FAIL, (retry_at, retry_at, error, job.id, owner, job.attempt))


def bury(connection: Connection, owner: str, job: Job, error: str) -> None:
    """No attempt is left: dead, unless somebody asked for another run meanwhile."""
    swiftly(connection, _BURY, (error, job.id, owner, job.attempt))


def give_back(connection: Connection, owner: str, job: Job) -> None:
    swiftly(connection, _GIVE_BACK, (job.id, owner, job.attempt))


def give_back_all(connection: Connection, owner: str) -> None:
    """Free every claim of `owner`, those it has not heard of yet included."""
    swiftly(connection, _GIVE_BACK_ALL, (owner,))


def renew(connection: Connection, owner: str, until: float) -> set[tuple[int, int]]:
    """Prolong every claim of `owner`; returns (id, attempt) of those it still has."""
    rows: Sequence[Any] = swiftly(connection, _RENEW, (until, owner)).all()
    return {(row[0], row[1]) for row in rows}


def lose_expired(connection: Connection, now: float, limit: int) -> Sequence[Any]:
    """Free what silent workers hold, `dead` after `limit` lost claims. Returns rows of (id, state)."""
    statement = _LOSE.format(which="claimed_until <= ?")
    return swiftly(connection, statement, (limit, "its worker fell silent", now)).all()


def lose_older_boots(connection: Connection, worker: str, boot: str, limit: int) -> Sequence[Any]:
    """Free what earlier lives of `worker` hold. Returns rows of (id, state)."""
    statement = _LOSE.format(which="substr(claimed_by, 1, ?) = ? AND substr(claimed_by, 1, ?) <> ?")
    name, life = f"{worker}/", f"{worker}/{boot}/"
    values = (limit, "its worker died", len(name), name, len(life), life)
    return swiftly(connection, statement, values).all()


def _marks(handlers: Sequence[str]) -> str:
    return ", ".join("?" * len(handlers))
