"""Signing in, going on, signing out: sessions of people and what they carry."""

from dataclasses import dataclass, field
from datetime import timedelta

from kyros.auth.errors import CsrfRefused, SessionEnded, SignInFailed
from kyros.auth.model import (
    Person,
    RefreshToken,
    Session,
    Transport,
    Verdict,
    digest_of_token,
    judge,
    new_secret,
    slides_to,
)
from kyros.auth.model.session import ABSOLUTE_DAYS, ACCESS_SECONDS
from kyros.auth.model.token import REFRESH_PREFIX
from kyros.auth.ports import AuthStore, Ledger, Passwords
from kyros.auth.service.access import AccessTokens
from kyros.auth.service.refusals import Refusals
from kyros.auth.service.throttle import Throttle
from kyros.events.model import NewEvent
from kyros.kernel.clock import to_text
from kyros.kernel.ids import NewId


@dataclass(frozen=True)
class SignedIn:
    """What a person carries away. `csrf_token` belongs beside the cookie."""

    person: Person
    transport: Transport
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    csrf_token: str = field(repr=False)
    expires_in_seconds: int
    refresh_seconds: int
    """How long the refresh token is good."""


@dataclass(frozen=True)
class Presented:
    """A refresh token as it came; `csrf` is the header that a cookie needs beside it."""

    token: str = field(repr=False)
    transport: Transport
    csrf: str | None = field(repr=False, default=None)


class Sessions:
    def __init__(
        self,
        store: AuthStore,
        access: AccessTokens,
        passwords: Passwords,
        throttle: Throttle,
        refusals: Refusals,
        new_id: NewId,
    ) -> None:
        self._store, self._access, self._passwords = store, access, passwords
        self._throttle, self._refusals, self._new_id = throttle, refusals, new_id

    async def sign_in(self, name: str, password: str, transport: Transport, address: str) -> SignedIn:
        """Raises SignInFailed (in the same words and time for any cause), TooManyRequests, SignInBusy."""
        self._throttle.begin(name, address)
        person = await self._store.read(lambda ledger: ledger.person(name))
        hashed = person.password_hash if person else None
        right = await self._passwords.verify(password, hashed)
        if person is None or not right or person.disabled_at is not None:
            await self._refusals.sign_in(person.name if person else None, address)
            raise _failed()
        self._throttle.succeeded(name, address)
        return await self._store.write(lambda ledger: self._begin(ledger, person, transport, address))

    async def refresh(self, presented: Presented) -> SignedIn:
        """A new access token and the next refresh token. Raises SessionEnded, CsrfRefused."""
        made = await self._store.write(lambda ledger: self._go_on(ledger, presented))
        if made is None:
            raise _ended()
        return made

    async def sign_out(self, presented: Presented) -> None:
        """The session ends, with every token of it; gone already is fine. Raises CsrfRefused."""

        def work(ledger: Ledger) -> None:
            session = _session_of(ledger, presented)
            if session is None:
                return
            self._check_csrf(session, presented)
            if session.ended_at is None:
                _end(ledger, session)
                ledger.tell(
                    NewEvent("signed_out", session.person, session.person, {"session_id": session.id})
                )

        await self._store.write(work)

    def _begin(self, ledger: Ledger, checked: Person, transport: Transport, address: str) -> SignedIn:
        person = ledger.person(checked.name)
        if person is None or person.password_hash != checked.password_hash or person.disabled_at is not None:
            raise _failed()  # changed while the password was being looked at
        ledger.drop_expired()
        expires = to_text(ledger.now + timedelta(days=ABSOLUTE_DAYS))
        session = Session(self._new_id("ses"), person.name, transport, to_text(ledger.now), expires)
        ledger.add_session(session)
        details = {"session_id": session.id, "transport": transport.value, "address": address}
        ledger.tell(NewEvent("signed_in", person.name, person.name, details))
        return self._carried(ledger, person, session)

    def _go_on(self, ledger: Ledger, presented: Presented) -> SignedIn | None:
        """None when the session is over; what that takes is written then."""
        token = ledger.refresh_token(digest_of_token(presented.token))
        session = ledger.session(token.session_id) if token else None
        if token is None or session is None:
            return None
        self._check_csrf(session, presented)
        verdict, person = judge(token, session, ledger.now), ledger.person(session.person)
        if verdict is Verdict.REUSED:
            _end(ledger, session)
            details = {"session_id": session.id, "spent_at": token.spent_at}
            ledger.tell(NewEvent("refresh_reused", session.person, session.person, details))
        if (
            verdict not in (Verdict.FRESH, Verdict.SIBLING)
            or person is None
            or person.disabled_at is not None
        ):
            return None
        ledger.spend_refresh_token(token.digest)
        return self._carried(ledger, person, session)

    def _carried(self, ledger: Ledger, person: Person, session: Session) -> SignedIn:
        plain, until = new_secret(REFRESH_PREFIX), slides_to(session, ledger.now)
        ledger.add_refresh_token(RefreshToken(digest_of_token(plain), session.id, to_text(until)))
        return SignedIn(
            person=person,
            transport=session.transport,
            access_token=self._access.issue(person, session.id),
            refresh_token=plain,
            csrf_token=self._access.csrf(session.id),
            expires_in_seconds=ACCESS_SECONDS,
            refresh_seconds=int((until - ledger.now).total_seconds()),
        )

    def _check_csrf(self, session: Session, presented: Presented) -> None:
        if presented.transport is Transport.BODY or self._access.is_csrf(session.id, presented.csrf):
            return
        raise CsrfRefused("The cookie came without the CSRF token of its session: send it as X-CSRF-Token.")


def _session_of(ledger: Ledger, presented: Presented) -> Session | None:
    token = ledger.refresh_token(digest_of_token(presented.token))
    return ledger.session(token.session_id) if token else None


def _end(ledger: Ledger, session: Session) -> None:
    ledger.end_session(session.id)
    ledger.changed()


def _failed() -> SignInFailed:
    return SignInFailed("The name or the password is wrong.")


def _ended() -> SessionEnded:
    return SessionEnded("This session is over: sign in again.")
