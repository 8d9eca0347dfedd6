"""The one place that decides who is calling."""

import hmac
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from kyros.auth.errors import Unauthenticated
from kyros.auth.model import ApiKey, Credential, Principal, PrincipalKind, Role
from kyros.auth.model.token import AGENT_PREFIX, KEY_PREFIX
from kyros.auth.ports import AuthStore, Ledger
from kyros.auth.service.access import AccessTokens, Claims
from kyros.kernel.clock import Clock, from_text, to_text, utc_now

REMEMBERED_SECONDS = 30
_REMEMBERED = 10_000
_USED_EVERY = timedelta(hours=1)


@dataclass(frozen=True)
class _Known:
    """A principal as looked up at `since`; to be looked up anew at `until`."""

    principal: Principal
    since: datetime
    until: datetime


@dataclass(frozen=True)
class _Found:
    """What a token stands for, at the latest until `until`."""

    principal: Principal
    until: datetime


class Auth:
    """Knows the operator by digest, everybody else by the store's rows, which it remembers for a moment:
    until `wake` says that they changed, or REMEMBERED_SECONDS."""

    def __init__(
        self,
        credentials: Iterable[Credential],
        store: AuthStore | None = None,
        access: AccessTokens | None = None,
        now: Clock = utc_now,
    ) -> None:
        self._credentials = tuple(credentials)
        self._store, self._access, self._now = store, access, now
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._wakes = 0

    async def identify(self, token: str) -> Principal:
        """Whom a bearer token stands for, in a time that tells nothing. Raises Unauthenticated."""
        digest = sha256(token.encode()).digest()
        return self._operator(digest) or self._remembered(digest) or await self._look(token, digest)

    async def stands(self, token: str, principal: Principal) -> bool:
        """Whether the token still stands for the very principal it did. An access token may have expired
        since: what began in its time may go on."""
        try:
            if self._store is not None and self._access is not None and token.count(".") == 2:
                claims = self._access.read_whenever(token)
                found = await self._store.read(lambda ledger: _by_claims(ledger, claims))
                return found.principal == principal
            return await self.identify(token) == principal
        except Unauthenticated:
            return False

    def wake(self) -> None:
        """Somebody's rights changed, or some may have: remember nobody."""
        self._wakes += 1
        self._known.clear()

    def _operator(self, digest: bytes) -> Principal | None:
        found: Principal | None = None
        for credential in self._credentials:
            if hmac.compare_digest(credential.digest, digest):
                found = credential.principal
        return found

    def _remembered(self, digest: bytes) -> Principal | None:
        known = self._known.get(digest)
        if known is None or not known.since <= self._now() < known.until:
            return None
        return known.principal

    async def _look(self, token: str, digest: bytes) -> Principal:
        since, wakes = self._now(), self._wakes
        found = await self._find(token, digest.hex())
        if wakes == self._wakes:  # otherwise it may be what was true before
            until = min(found.until, since + timedelta(seconds=REMEMBERED_SECONDS))
            self._known[digest] = _Known(found.principal, since, until)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return found.principal

    async def _find(self, token: str, digest: str) -> _Found:
        if self._store is None:
            raise _unknown()
        if token.startswith(KEY_PREFIX):
            return await self._by_key(self._store, digest)
        if token.startswith(AGENT_PREFIX):
            agent = await self._store.read(lambda ledger: ledger.agent_token_by_digest(digest))
            if agent is None:
                raise _unknown()
            return _Found(agent.principal, datetime.max.replace(tzinfo=UTC))
        if self._access is not None and token.count(".") == 2:
            claims = self._access.read(token)
            return await self._store.read(lambda ledger: _by_claims(ledger, claims))
        raise _unknown()

    async def _by_key(self, store: AuthStore, digest: str) -> _Found:
        key, found = await store.read(lambda ledger: _by_digest(ledger, digest))
        used = key.last_used_at
        if used is None or self._now() - from_text(used) >= _USED_EVERY:
            await store.write(lambda ledger: _note_use(ledger, key.id))
        return found


def operator(token: str) -> Credential:
    """The credential of whoever may read the operator's token file."""
    owner = Principal("operator", Role.ADMIN, PrincipalKind.OWNER)
    return Credential(sha256(token.encode()).digest(), owner)


def _by_claims(ledger: Ledger, claims: Claims) -> _Found:
    person, session = ledger.person(claims.person), ledger.session(claims.session_id)
    if (
        person is None
        or session is None
        or person.disabled_at is not None
        or session.ended_at is not None
        or session.person != person.name
        or person.version != claims.version
    ):
        raise Unauthenticated("This access token no longer counts: refresh it, or sign in again.")
    return _Found(person.principal, datetime.fromtimestamp(claims.expires, UTC))


def _by_digest(ledger: Ledger, digest: str) -> tuple[ApiKey, _Found]:
    key = ledger.key_by_digest(digest)
    if key is None:
        raise _unknown()
    if not key.is_live(ledger.now):
        raise Unauthenticated(f"The key {key.name} has expired or was revoked: make a new one.")
    owner = ledger.person(key.owner)
    if owner is not None and owner.disabled_at is not None:
        raise Unauthenticated(f"The key {key.name} belongs to {owner.name}, who may not come in any more.")
    return key, _Found(key.principal(owner.principal if owner else None), from_text(key.expires_at))


def _note_use(ledger: Ledger, key_id: str) -> None:
    key = ledger.key(key_id)
    if key is not None:
        ledger.put_key(replace(key, last_used_at=to_text(ledger.now)))


def _unknown() -> Unauthenticated:
    return Unauthenticated("This token is not known here: check KYROS_TOKEN or <home>/operator.token.")
