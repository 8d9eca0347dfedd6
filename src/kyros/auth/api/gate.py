"""The gate: every HTTP and WebSocket request passes here, in one place, before any route sees it."""

from collections.abc import Callable

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from kyros.auth.api.body_limit import BODY_LIMIT_BYTES, check_declared_size, limited
from kyros.auth.errors import Unauthenticated
from kyros.auth.model import Perimeter, Principal, is_public
from kyros.auth.service import Auth
from kyros.infra.telemetry import get_log
from kyros.kernel.errors import KyrosError

Answer = Callable[[KyrosError], Response]
"""How a refusal reads over HTTP; entrypoints decides that once for every door."""

_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}


class Gate:
    """A pure ASGI middleware; answers are never buffered. Checks host, origin, token and size, in this
    order, and leaves the caller in scope["state"]["principal"]; nobody is there on public paths."""

    def __init__(
        self,
        app: ASGIApp,
        auth: Auth,
        perimeter: Perimeter,
        answer: Answer,
        body_limit_bytes: int = BODY_LIMIT_BYTES,
    ) -> None:
        self._app = app
        self._auth = auth
        self._perimeter = perimeter
        self._answer = answer
        self._body_limit_bytes = body_limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        try:
            principal = self._admit(scope)
            check_declared_size(_values(scope, b"content-length"), self._body_limit_bytes)
        except KyrosError as refusal:
            await self._refuse(refusal, scope, receive, send)
            return
        state = {**scope.get("state", {}), "principal": principal}
        inner = limited(self._app, self._answer, self._body_limit_bytes)
        await inner({**scope, "state": state}, receive, send)

    def _admit(self, scope: Scope) -> Principal | None:
        """Whom the request comes from; None on public paths. Raises a refusal."""
        hosts = _values(scope, b"host")
        self._perimeter.check_host(hosts)
        self._perimeter.check_origin(_SCHEMES[scope["scheme"]], hosts[0], _values(scope, b"origin"))
        if scope["type"] == "http" and all(is_public(scope["method"], path) for path in _paths(scope)):
            return None
        return self._auth.identify(_bearer(_values(scope, b"authorization")))

    async def _refuse(self, refusal: KyrosError, scope: Scope, receive: Receive, send: Send) -> None:
        client = (scope.get("client") or ("unknown",))[0]
        get_log(__name__).warning("request_refused", code=refusal.code, path=scope["path"], client=client)
        if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": 1008, "reason": refusal.code})
            return
        await self._answer(refusal)(scope, receive, send)


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]


def _paths(scope: Scope) -> set[str]:
    """The path as sent and as routed below a root_path: neither may be guarded if one is public."""
    path, root = scope["path"], scope.get("root_path", "")
    below = path.removeprefix(root) if path.startswith(f"{root}/") else path
    return {path, below}


def _bearer(sent: list[str]) -> str:
    scheme, _, token = sent[0].partition(" ") if len(sent) == 1 else ("", "", "")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated(
            "Send the token as one header, `Authorization: Bearer TOKEN`; it stands in <home>/operator.token."
        )
    return token.strip()
