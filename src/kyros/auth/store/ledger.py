"""One transaction's view of auth's rows. Written SQL, the same on every database."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from kyros.auth.model import AgentToken, ApiKey, Person, PrincipalKind, RefreshToken, Role, Session, Transport
from kyros.auth.store import tables
from kyros.auth.store.spelling import role_of, roles_of, scopes_of, scopes_text, text_of
from kyros.events.model import NewEvent
from kyros.events.ports import Outbox
from kyros.infra.db import prepared, touch
from kyros.kernel.clock import to_text

TOPIC = "auth"
"""Touched by every commit that changes who may do what; whoever hears of it calls `Auth.wake`."""

_PERSON = "SELECT * FROM people WHERE name = ?"
_PUT_PERSON = """
INSERT INTO people
(name, display_name, email, role, password_hash, version, created_at, updated_at, disabled_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (name) DO UPDATE SET display_name = excluded.display_name, email = excluded.email,
role = excluded.role, password_hash = excluded.password_hash, version = excluded.version,
updated_at = excluded.updated_at, disabled_at = excluded.disabled_at
"""
_PUT_KEY = """
INSERT INTO api_keys
(id, name, prefix, digest, owner, role, projects, scopes, created_at, expires_at, last_used_at, revoked_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET last_used_at = excluded.last_used_at, revoked_at = excluded.revoked_at
"""
_PUT_AGENT = """
INSERT INTO agent_tokens (name, digest, role, projects, created_at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (name) DO UPDATE SET digest = excluded.digest, role = excluded.role,
projects = excluded.projects, created_at = excluded.created_at
"""
_END_ALL = "UPDATE sessions SET ended_at = ? WHERE person = ? AND ended_at IS NULL"


class SqlLedger:
    def __init__(self, connection: Connection, outbox: Outbox, now: datetime) -> None:
        self.now = now
        self._connection, self._outbox = connection, outbox

    def kind_of(self, name: str) -> PrincipalKind | None:
        row = self._one("SELECT kind FROM auth_names WHERE name = ?", name)
        return PrincipalKind(row.kind) if row else None

    def take_name(self, name: str, kind: PrincipalKind) -> None:
        take = "INSERT INTO auth_names (name, kind) VALUES (?, ?) ON CONFLICT (name) DO NOTHING"
        self._run(take, name, kind.value)

    def person(self, name: str) -> Person | None:
        row = self._one(_PERSON, name)
        return self._person(row) if row else None

    def people(self, after: str, limit: int) -> Sequence[Person]:
        rows = self._all("SELECT * FROM people WHERE name > ? ORDER BY name LIMIT ?", after, limit)
        return [self._person(row) for row in rows]

    def has_people(self) -> bool:
        return self._one("SELECT 1 AS one FROM people LIMIT 1") is not None

    def admins(self) -> Sequence[str]:
        found = "SELECT name FROM people WHERE role = ? AND disabled_at IS NULL ORDER BY name"
        return [row.name for row in self._all(found, Role.ADMIN.value)]

    def put_person(self, person: Person) -> None:
        role = person.role.value if person.role else None
        plain = (person.name, person.display_name, person.email, role, person.password_hash)
        times = (person.created_at, person.updated_at, person.disabled_at)
        self._run(_PUT_PERSON, *plain, person.version, *times)
        self._run("DELETE FROM memberships WHERE person = ?", person.name)
        for project, given in sorted(person.projects.items()):
            join = "INSERT INTO memberships (person, project_id, role) VALUES (?, ?, ?)"
            self._run(join, person.name, project, given.value)

    def session(self, session_id: str) -> Session | None:
        row = self._one("SELECT * FROM sessions WHERE id = ?", session_id)
        if row is None:
            return None
        transport = Transport(row.transport)
        return Session(row.id, row.person, transport, row.created_at, row.expires_at, row.ended_at)

    def add_session(self, session: Session) -> None:
        add = "INSERT INTO sessions (id, person, transport, created_at, expires_at) VALUES (?, ?, ?, ?, ?)"
        times = (session.created_at, session.expires_at)
        self._run(add, session.id, session.person, session.transport.value, *times)

    def end_session(self, session_id: str) -> None:
        end = "UPDATE sessions SET ended_at = ? WHERE id = ? AND ended_at IS NULL"
        self._run(end, to_text(self.now), session_id)

    def end_sessions_of(self, person: str) -> None:
        self._run(_END_ALL, to_text(self.now), person)

    def refresh_token(self, digest: str) -> RefreshToken | None:
        row = self._one("SELECT * FROM refresh_tokens WHERE digest = ?", digest)
        return RefreshToken(row.digest, row.session_id, row.expires_at, row.spent_at) if row else None

    def add_refresh_token(self, token: RefreshToken) -> None:
        add = "INSERT INTO refresh_tokens (digest, session_id, expires_at) VALUES (?, ?, ?)"
        self._run(add, token.digest, token.session_id, token.expires_at)

    def spend_refresh_token(self, digest: str) -> None:
        spend = "UPDATE refresh_tokens SET spent_at = ? WHERE digest = ? AND spent_at IS NULL"
        self._run(spend, to_text(self.now), digest)

    def drop_expired(self) -> None:
        for table in (tables.refresh_tokens.name, tables.sessions.name):
            self._run(f"DELETE FROM {table} WHERE expires_at <= ?", to_text(self.now))  # noqa: S608  # our names

    def key(self, key_id: str) -> ApiKey | None:
        row = self._one("SELECT * FROM api_keys WHERE id = ?", key_id)
        return _key(row) if row else None

    def key_by_digest(self, digest: str) -> ApiKey | None:
        row = self._one("SELECT * FROM api_keys WHERE digest = ?", digest)
        return _key(row) if row else None

    def keys(self, owner: str | None, after: str, limit: int) -> Sequence[ApiKey]:
        if owner is None:
            rows = self._all("SELECT * FROM api_keys WHERE id > ? ORDER BY id LIMIT ?", after, limit)
        else:
            own = "SELECT * FROM api_keys WHERE owner = ? AND id > ? ORDER BY id LIMIT ?"
            rows = self._all(own, owner, after, limit)
        return [_key(row) for row in rows]

    def keys_named(self, name: str) -> Sequence[ApiKey]:
        return [_key(row) for row in self._all("SELECT * FROM api_keys WHERE name = ? ORDER BY id", name)]

    def put_key(self, key: ApiKey) -> None:
        role = key.role.value if key.role else None
        may = (role, text_of(key.projects), scopes_text(key.scopes))
        times = (key.created_at, key.expires_at, key.last_used_at, key.revoked_at)
        self._run(_PUT_KEY, key.id, key.name, key.prefix, key.digest, key.owner, *may, *times)

    def agent_token(self, name: str) -> AgentToken | None:
        return _agent_token(self._one("SELECT * FROM agent_tokens WHERE name = ?", name))

    def agent_token_by_digest(self, digest: str) -> AgentToken | None:
        return _agent_token(self._one("SELECT * FROM agent_tokens WHERE digest = ?", digest))

    def put_agent_token(self, token: AgentToken) -> None:
        role = token.role.value if token.role else None
        self._run(_PUT_AGENT, token.name, token.digest, role, text_of(token.projects), token.created_at)

    def drop_agent_token(self, name: str) -> None:
        self._run("DELETE FROM agent_tokens WHERE name = ?", name)

    def tell(self, *events: NewEvent) -> None:
        self._outbox.append_in(self._connection, events)

    def changed(self) -> None:
        touch(self._connection, TOPIC)

    def _person(self, row: Row[Any]) -> Person:
        joined = self._all("SELECT project_id, role FROM memberships WHERE person = ?", row.name)
        return Person(
            name=row.name,
            display_name=row.display_name,
            email=row.email,
            role=role_of(row.role),
            projects={one.project_id: Role(one.role) for one in joined},
            password_hash=row.password_hash,
            version=row.version,
            created_at=row.created_at,
            updated_at=row.updated_at,
            disabled_at=row.disabled_at,
        )

    def _one(self, sql: str, *values: object) -> Row[Any] | None:
        return prepared(self._connection, sql, values).first()

    def _all(self, sql: str, *values: object) -> Sequence[Row[Any]]:
        return prepared(self._connection, sql, values).all()

    def _run(self, sql: str, *values: object) -> None:
        prepared(self._connection, sql, values)


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        prefix=row.prefix,
        digest=row.digest,
        owner=row.owner,
        role=role_of(row.role),
        projects=roles_of(row.projects),
        scopes=scopes_of(row.scopes),
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )


def _agent_token(row: Row[Any] | None) -> AgentToken | None:
    if row is None:
        return None
    return AgentToken(row.name, row.digest, role_of(row.role), roles_of(row.projects), row.created_at)
