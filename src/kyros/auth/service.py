"""The one place that decides who is calling."""

import hmac
from collections.abc import Iterable
from hashlib import sha256

from kyros.auth.errors import Unauthenticated
from kyros.auth.model import Credential, Principal, Role


class Auth:
    """Knows every valid token by its digest."""

    def __init__(self, credentials: Iterable[Credential]) -> None:
        self._credentials = tuple(credentials)

    def identify(self, token: str) -> Principal:
        """Whom a bearer token stands for, in a time that tells nothing. Raises Unauthenticated."""
        digest = sha256(token.encode()).digest()
        found: Principal | None = None
        for credential in self._credentials:
            if hmac.compare_digest(credential.digest, digest):
                found = credential.principal
        if found is None:
            raise Unauthenticated("This token is not known here: check KYROS_TOKEN or <home>/operator.token.")
        return found


def operator(token: str) -> Credential:
    """The credential of whoever may read the operator's token file."""
    return Credential(sha256(token.encode()).digest(), Principal("operator", Role.OPERATOR))
