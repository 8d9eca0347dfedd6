"""Leases in the database. The row is the lease; the fence outlives it."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select, update

from kyros.collab.model import (
    Lease,
    Reclaim,
    lease_acquired,
    lease_reclaimed,
    lease_released,
    refuse_if_held,
    refuse_if_lost,
)
from kyros.collab.store.tables import lease_fences, leases
from kyros.events.ports import Outbox
from kyros.infra.db import SqliteDatabase
from kyros.kernel.clock import Clock, to_text, utc_now
from kyros.kernel.ids import NewId, new_id


class SqlLeaseStore:
    """The LeaseStore of an installation. The clock is read inside each transaction, so that a write
    that waited its turn never judges by an old time."""

    def __init__(
        self, database: SqliteDatabase, outbox: Outbox, now: Clock = utc_now, new_id: NewId = new_id
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._now = now
        self._new_id = new_id

    async def acquire(self, resources: Sequence[str], holder: str, ttl_seconds: float) -> Sequence[Lease]:
        wanted = list(dict.fromkeys(resources))

        def work(connection: Connection) -> list[Lease]:
            now = self._now()
            found = {lease.resource: lease for lease in _find(connection, wanted)}
            refuse_if_held(found.values(), holder, now)
            for lease in found.values():
                if not lease.is_live(now):
                    self._clear(connection, lease, holder)
            own = {resource: lease.beaten(now) for resource, lease in found.items() if lease.is_live(now)}
            _beat(connection, list(own), now)
            return [
                own.get(resource) or self._take(connection, resource, holder, ttl_seconds, now)
                for resource in wanted
            ]

        return await self._database.write(work)

    async def heartbeat(self, holder: str, resources: Sequence[str]) -> None:
        def work(connection: Connection) -> None:
            now = self._now()
            refuse_if_lost(_find(connection, resources), resources, holder, now)
            _beat(connection, resources, now)

        await self._database.write(work)

    async def release(self, holder: str, resources: Sequence[str]) -> None:
        def work(connection: Connection) -> None:
            mine = [lease for lease in _find(connection, resources) if lease.holder == holder]
            for lease in mine:
                _drop(connection, lease)
                self._outbox.append_in(connection, [lease_released(lease)])

        await self._database.write(work)

    async def void(self, holder_prefix: str, except_holder: str) -> int:
        def work(connection: Connection) -> int:
            begins_so = func.substr(leases.c.holder, 1, len(holder_prefix)) == holder_prefix
            rows = connection.execute(select(leases).where(begins_so, leases.c.holder != except_holder))
            gone = [Lease(**row) for row in rows.mappings()]
            for lease in gone:
                _drop(connection, lease)
                reclaimed = lease_reclaimed(lease, except_holder, Reclaim.HOLDER_GONE)
                self._outbox.append_in(connection, [reclaimed])
            return len(gone)

        return await self._database.write(work)

    def _clear(self, connection: Connection, expired: Lease, actor: str) -> None:
        _drop(connection, expired)
        self._outbox.append_in(connection, [lease_reclaimed(expired, actor, Reclaim.EXPIRED)])

    def _take(
        self, connection: Connection, resource: str, holder: str, ttl_seconds: float, now: datetime
    ) -> Lease:
        token = _next_token(connection, resource)
        at = to_text(now)
        lease = Lease(self._new_id("lock"), resource, holder, token, at, at, ttl_seconds)
        connection.execute(insert(leases).values(asdict(lease)))
        self._outbox.append_in(connection, [lease_acquired(lease)])
        return lease


def _find(connection: Connection, resources: Sequence[str]) -> list[Lease]:
    rows = connection.execute(select(leases).where(leases.c.resource.in_(resources)))
    return [Lease(**row) for row in rows.mappings()]


def _beat(connection: Connection, resources: Sequence[str], now: datetime) -> None:
    mine = leases.c.resource.in_(resources)
    connection.execute(update(leases).where(mine).values(heartbeat_at=to_text(now)))


def _drop(connection: Connection, lease: Lease) -> None:
    connection.execute(delete(leases).where(leases.c.lock_id == lease.lock_id))


def _next_token(connection: Connection, resource: str) -> int:
    mine = lease_fences.c.resource == resource
    raised = update(lease_fences).where(mine).values(last_token=lease_fences.c.last_token + 1)
    token: int | None = connection.execute(raised.returning(lease_fences.c.last_token)).scalar()
    if token is not None:
        return token
    connection.execute(insert(lease_fences).values(resource=resource, last_token=1))
    return 1
