"""Sign-in sessions: families of refresh tokens, each of which is good for one use. Pure.

presented            found       session      answer
unknown              -           -            sign in again
known                expired     any          sign in again
known                any         ended        sign in again
known                unspent     alive        spent now; a new one
known                spent, just alive        a sibling: two tabs asked at once
known                spent, ago  alive        somebody else has it: the session ends
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from kyros.kernel.clock import from_text

ACCESS_SECONDS = 600
SIBLING_SECONDS = 10
SLIDING_DAYS = 30
ABSOLUTE_DAYS = 90


class Transport(StrEnum):
    """How the refresh token travels: a cookie that scripts cannot read, or the body."""

    COOKIE = "cookie"
    BODY = "body"


@dataclass(frozen=True)
class Session:
    """Times are RFC 3339 UTC; `expires_at` is the last moment, however often it was refreshed."""

    id: str
    person: str
    transport: Transport
    created_at: str
    expires_at: str
    ended_at: str | None = None


@dataclass(frozen=True)
class RefreshToken:
    """`digest` is the SHA-256 of the token, as hex."""

    digest: str
    session_id: str
    expires_at: str
    spent_at: str | None = None


class Verdict(StrEnum):
    FRESH = "fresh"
    SIBLING = "sibling"
    OVER = "over"
    REUSED = "reused"


def judge(token: RefreshToken, session: Session, now: datetime) -> Verdict:
    """What a presented token is worth."""
    if session.ended_at is not None or now >= min(from_text(token.expires_at), from_text(session.expires_at)):
        return Verdict.OVER
    if token.spent_at is None:
        return Verdict.FRESH
    age = now - from_text(token.spent_at)
    return Verdict.SIBLING if age <= timedelta(seconds=SIBLING_SECONDS) else Verdict.REUSED


def slides_to(session: Session, now: datetime) -> datetime:
    """When a refresh token given out now expires."""
    return min(now + timedelta(days=SLIDING_DAYS), from_text(session.expires_at))
