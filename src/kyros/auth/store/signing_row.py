"""The key that signs access tokens, in the database: for an installation of several servers."""

import secrets

from sqlalchemy import Connection

from kyros.auth.ports import SigningKey
from kyros.auth.store import tables
from kyros.infra.db import Database, prepared
from kyros.kernel.clock import Clock, to_text, utc_now


class SigningKeyRow:
    """Made once, by whichever server starts first: writes come one after the other."""

    def __init__(self, database: Database, now: Clock = utc_now) -> None:
        self._database, self._now = database, now

    async def ensure(self) -> SigningKey:
        return await self._database.write(self._ensured)

    def _ensured(self, connection: Connection) -> SigningKey:
        name = tables.signing_keys.name
        newest = f"SELECT id, secret FROM {name} ORDER BY created_at DESC, id LIMIT 1"  # noqa: S608  # our name
        row = prepared(connection, newest).first()
        if row is not None:
            return SigningKey(row.id, bytes.fromhex(row.secret))
        key = SigningKey(secrets.token_hex(8), secrets.token_bytes(32))
        add = f"INSERT INTO {name} (id, secret, created_at) VALUES (?, ?, ?)"  # noqa: S608  # our name
        prepared(connection, add, (key.id, key.secret.hex(), to_text(self._now())))
        return key
