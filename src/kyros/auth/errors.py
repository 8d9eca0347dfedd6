"""What the gate, the sign-in and the keepers of people and tokens refuse."""

from kyros.kernel.errors import Busy, Conflict, Denied, Invalid, NotFound


class Unauthenticated(Denied):
    """No token, an unknown or expired one, or one sent in another way than `Authorization: Bearer`."""

    code = "unauthenticated"


class SignInFailed(Unauthenticated):
    """Wrong name or wrong password; which of them is not said."""

    code = "sign_in_failed"


class SessionEnded(Unauthenticated):
    """The refresh token is unknown, expired or spent, or its session was ended: sign in again."""

    code = "session_ended"


class CsrfRefused(Denied):
    """The cookie came without the X-CSRF-Token of its session."""

    code = "csrf_refused"


class NotAllowed(Denied):
    """Known, but without the right; facts: right, project_id."""

    code = "not_allowed"


class TooManyRequests(Busy):
    """facts: retry_after_seconds."""

    code = "too_many_requests"


class SignInBusy(Busy):
    """Too many passwords are being checked at this moment."""

    code = "sign_in_busy"


class NameRefused(Invalid):
    """Not a name for people, agents and keys, or one of Kyros' own; facts: name."""

    code = "name_refused"


class NameTaken(Conflict):
    """Somebody else has or had it; facts: name."""

    code = "name_taken"


class TooManyKeys(Conflict):
    """Somebody has as many keys that live as one may; facts: limit."""

    code = "too_many_keys"


class PasswordRefused(Invalid):
    """Too easy to guess."""

    code = "password_refused"


class PasswordWrong(Denied):
    """The old password is not that of the caller."""

    code = "password_wrong"


class PersonNotFound(NotFound):
    """facts: name."""

    code = "person_not_found"


class FirstPersonNotAdmin(Conflict):
    """The first person must be an admin: somebody has to let in the others."""

    code = "first_person_not_admin"


class LastAdmin(Conflict):
    """Nobody would be left who may let in others."""

    code = "last_admin"


class KeyNotFound(NotFound):
    """facts: key."""

    code = "key_not_found"


class KeyExpiryRefused(Invalid):
    """In the past, or more than a year ahead."""

    code = "key_expiry_refused"


class HostUnclear(Invalid):
    """The request names no host, or several."""

    code = "host_unclear"


class HostRefused(Denied):
    """Somebody's name points at this server (DNS rebinding), or the allow-list lacks a name."""

    code = "host_refused"


class OriginRefused(Denied):
    """A page of another site sent this request."""

    code = "origin_refused"


class BodyTooLarge(Invalid):
    """facts: limit_bytes."""

    code = "body_too_large"


class AllowListInvalid(Invalid):
    """An entry of the host or origin allow-list cannot be read."""

    code = "allow_list_invalid"


class RateRefused(Invalid):
    """A rate limit, or the address of what counts it, cannot be read."""

    code = "rate_refused"


class TokenFileMissing(NotFound):
    code = "token_file_missing"


class TokenFileRefused(Denied):
    """It is a link, not ours, open to others, or holds no token: it may not be trusted."""

    code = "token_file_refused"
