"""What the gate and the operator's token file refuse."""

from kyros.kernel.errors import Denied, Invalid, NotFound


class Unauthenticated(Denied):
    """No token, an unknown one, or one sent in another way than `Authorization: Bearer`."""

    code = "unauthenticated"


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


class TokenFileMissing(NotFound):
    code = "token_file_missing"


class TokenFileRefused(Denied):
    """It is a link, not ours, open to others, or holds no token: it may not be trusted."""

    code = "token_file_refused"
