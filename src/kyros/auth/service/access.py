"""Access tokens: short-lived JWTs that name a person, the version of their rights and their session."""

import hmac
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

import jwt

from kyros.auth.errors import Unauthenticated
from kyros.auth.model import Person, new_secret
from kyros.auth.model.session import ACCESS_SECONDS
from kyros.auth.ports import SigningKey
from kyros.kernel.clock import Clock

_ALGORITHM = "HS256"
_ISSUER = "kyros"
_AUDIENCE = "kyros-api"
_REQUIRED = ["iss", "aud", "sub", "sid", "ver", "jti", "iat", "exp"]


@dataclass(frozen=True)
class Claims:
    """`expires` is a UNIX time in seconds."""

    person: str
    version: int
    session_id: str
    expires: int


class AccessTokens:
    """Signs and reads them. One algorithm, never the one a token asks for."""

    def __init__(self, key: SigningKey, now: Clock) -> None:
        self._key, self._now = key, now

    def issue(self, person: Person, session_id: str) -> str:
        """Good for ACCESS_SECONDS, as long as person, version and session stand."""
        now = self._now()
        claims = {
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "sub": person.name,
            "ver": person.version,
            "sid": session_id,
            "jti": new_secret(""),
            "iat": int(now.timestamp()),
            "exp": int((now + timedelta(seconds=ACCESS_SECONDS)).timestamp()),
        }
        return jwt.encode(claims, self._key.secret, _ALGORITHM, headers={"kid": self._key.id})

    def read(self, token: str) -> Claims:
        """Raises Unauthenticated."""
        claims = self.read_whenever(token)
        if claims.expires <= self._now().timestamp():
            raise Unauthenticated("This access token has expired: refresh it, or sign in again.")
        return claims

    def read_whenever(self, token: str) -> Claims:
        """Expired or not. Raises Unauthenticated."""
        claims = self._verified(token)
        person, version, session_id, expires = (claims[name] for name in ("sub", "ver", "sid", "exp"))
        if not isinstance(version, int) or not isinstance(session_id, str) or not isinstance(expires, int):
            raise _unknown()
        return Claims(str(person), version, session_id, expires)

    def csrf(self, session_id: str) -> str:
        """What must come back beside the cookie of this session."""
        return hmac.new(self._key.secret, f"csrf {session_id}".encode(), sha256).hexdigest()

    def is_csrf(self, session_id: str, given: str | None) -> bool:
        return hmac.compare_digest(self.csrf(session_id).encode(), (given or "").encode())

    def _verified(self, token: str) -> dict[str, object]:
        try:
            if jwt.get_unverified_header(token).get("kid") != self._key.id:
                raise _unknown()
            claims: dict[str, object] = jwt.decode(
                token,
                self._key.secret,
                algorithms=[_ALGORITHM],
                issuer=_ISSUER,
                audience=_AUDIENCE,
                # Times are judged by our clock, below.
                options={"require": _REQUIRED, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
        except (jwt.InvalidTokenError, ValueError) as error:
            raise _unknown() from error
        return claims


def _unknown() -> Unauthenticated:
    return Unauthenticated("This access token is not from here: sign in.")
