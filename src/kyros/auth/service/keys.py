"""API keys: made, listed, revoked."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from kyros.auth.errors import KeyNotFound, NameTaken, TooManyKeys
from kyros.auth.model import (
    ApiKey,
    NewKey,
    Principal,
    PrincipalKind,
    Right,
    check_expiry,
    check_grant,
    check_name,
    digest_of_token,
    new_secret,
)
from kyros.auth.model.key import SHOWN_SIGNS
from kyros.auth.model.token import KEY_PREFIX
from kyros.auth.ports import AuthStore, Ledger
from kyros.events.model import NewEvent
from kyros.kernel.clock import to_text
from kyros.kernel.ids import NewId

MOST_LIVING = 100
MOST_EVER = 10_000


@dataclass(frozen=True)
class Made:
    """`token` is told this once."""

    key: ApiKey
    token: str = field(repr=False)


class Keys:
    """An admin sees and revokes everybody's, anybody else their own."""

    def __init__(self, store: AuthStore, new_id: NewId) -> None:
        self._store, self._new_id = store, new_id

    async def create(self, new: NewKey, creator: Principal) -> Made:
        """Raises NotAllowed, NameRefused, NameTaken, KeyExpiryRefused, TooManyKeys."""
        check_name(new.name)
        check_grant(new, creator)
        plain = new_secret(KEY_PREFIX)

        def work(ledger: Ledger) -> ApiKey:
            check_expiry(new.expires_at, ledger.now)
            _check_free(ledger, new.name, creator.name)
            _check_count(ledger, creator.name)
            key = ApiKey(
                id=self._new_id("key"),
                name=new.name,
                prefix=plain[: len(KEY_PREFIX) + SHOWN_SIGNS],
                digest=digest_of_token(plain),
                owner=creator.name,
                role=new.role,
                projects=dict(new.projects),
                scopes=new.scopes,
                created_at=to_text(ledger.now),
                expires_at=to_text(new.expires_at),
            )
            ledger.take_name(new.name, PrincipalKind.KEY)
            ledger.put_key(key)
            ledger.tell(NewEvent("key_created", creator.name, key.id, _told(key)))
            return key

        return Made(await self._store.write(work), plain)

    async def page(self, caller: Principal, after: str, limit: int) -> Sequence[ApiKey]:
        """Oldest first, revoked and expired ones too."""
        owner = None if caller.may(Right.ADMIN) else caller.name
        return await self._store.read(lambda ledger: ledger.keys(owner, after, limit))

    async def revoke(self, key_id: str, caller: Principal) -> ApiKey:
        """At once and for good; revoked already is fine. Raises KeyNotFound."""

        def work(ledger: Ledger) -> ApiKey:
            key = ledger.key(key_id)
            if key is None or not (key.owner == caller.name or caller.may(Right.ADMIN)):
                raise KeyNotFound(
                    f"There is no key {key_id[:80]} of yours: `kyros token list` shows them.", key=key_id[:80]
                )
            if key.revoked_at is not None:
                return key
            revoked = replace(key, revoked_at=to_text(ledger.now))
            ledger.put_key(revoked)
            ledger.tell(NewEvent("key_revoked", caller.name, key.id, _told(key)))
            ledger.changed()
            return revoked

        return await self._store.write(work)


def _check_free(ledger: Ledger, name: str, owner: str) -> None:
    """A key's name may come again, of the same owner, once no key that lives has it."""
    kind = ledger.kind_of(name)
    again = all(key.owner == owner and not key.is_live(ledger.now) for key in ledger.keys_named(name))
    if kind is not None and not (kind is PrincipalKind.KEY and again):
        raise NameTaken(f"The name {name} is, or was, somebody's: choose another.", name=name)


def _check_count(ledger: Ledger, owner: str) -> None:
    living = sum(key.is_live(ledger.now) for key in ledger.keys(owner, "", MOST_EVER))
    if living >= MOST_LIVING:
        raise TooManyKeys(
            f"{owner} has {living} keys, which is as many as one may have: revoke those no longer in use.",
            limit=MOST_LIVING,
        )


def _told(key: ApiKey) -> dict[str, object]:
    """For the log; no part of the token."""
    return {
        "name": key.name,
        "owner": key.owner,
        "role": key.role and key.role.value,
        "projects": sorted(key.projects),
        "scopes": None if key.scopes is None else sorted(right.value for right in key.scopes),
        "expires_at": key.expires_at,
    }
