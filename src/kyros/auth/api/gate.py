"""The gate: every HTTP and WebSocket request passes here, in one place, before any route sees it."""

from collections.abc import Callable
from functools import partial

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kyros.auth.api.address import address_of
from kyros.auth.api.body_limit import BODY_LIMIT_BYTES, check_declared_size, limited
from kyros.auth.api.standing import Standing
from kyros.auth.errors import SignInFailed, TooManyRequests, Unauthenticated
from kyros.auth.model import Perimeter, Principal, is_public, is_sign_in
from kyros.auth.ports import Allowance, Rates
from kyros.auth.service import Auth, Refusals
from kyros.auth.service.refusals import Asked
from kyros.infra.telemetry import get_log
from kyros.kernel.errors import KyrosError

Answer = Callable[[KyrosError], Response]
"""How a refusal reads over HTTP; entrypoints decides that once for every door."""

_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
ASK_AGAIN_SECONDS = 15.0
_AUDITED = frozenset({401, 403, 429})
_STARTS = frozenset({"http.response.start", "websocket.http.response.start"})
_BEARER_PROTOCOL = "kyros.bearer."
"""A browser can send no header with a WebSocket, but protocols it would speak: the token is one of them."""


class Gate:
    """A pure ASGI middleware; answers are never buffered. Checks host, origin, token, rate and size, in this
    order, and leaves the caller in scope["state"]["principal"]; nobody is there on public paths. What it
    refuses, and what a door behind it refuses (scope["state"]["refusal"]), is recorded."""

    def __init__(
        self,
        app: ASGIApp,
        auth: Auth,
        perimeter: Perimeter,
        answer: Answer,
        rates: Rates,
        refusals: Refusals,
        body_limit_bytes: int = BODY_LIMIT_BYTES,
        ask_again_seconds: float = ASK_AGAIN_SECONDS,
    ) -> None:
        self._app = app
        self._auth = auth
        self._perimeter = perimeter
        self._answer = answer
        self._rates = rates
        self._refusals = refusals
        self._body_limit_bytes = body_limit_bytes
        self._ask_again_seconds = ask_again_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        state = {**scope.get("state", {}), "principal": None}
        send = self._watched(scope, state, send)
        try:
            await self._admit(scope, state)
            check_declared_size(_values(scope, b"content-length"), self._body_limit_bytes)
        except KyrosError as refusal:
            state["refusal"] = refusal
            await self._refuse(refusal, scope, receive, send)
            return
        standing = self._guarded(scope, state, receive, send)
        inner = limited(self._app, self._answer, self._body_limit_bytes)
        if standing is None:
            await inner({**scope, "state": state}, receive, send)
            return
        await inner({**scope, "state": state}, standing.receive, standing.send)
        if standing.is_unanswered:
            over = Unauthenticated("Your rights changed while you waited: sign in again, then ask again.")
            state["refusal"] = over
            await self._refuse(over, scope, receive, send)

    async def _admit(self, scope: Scope, state: dict[str, object]) -> None:
        """Puts the principal and what is left of their rate into `state`. Raises a refusal."""
        hosts, origins = _values(scope, b"host"), _values(scope, b"origin")
        self._perimeter.check_host(hosts)
        if origins:
            self._perimeter.check_origin(_SCHEMES[scope["scheme"]], hosts[0], origins)
        if scope["type"] == "http" and all(is_public(scope["method"], path) for path in _paths(scope)):
            return
        if scope["type"] == "http" and all(is_sign_in(scope["method"], path) for path in _paths(scope)):
            policy = "sign-in" if scope["path"].endswith("/login") else "write"
            await self._count(state, policy, f"from {address_of(scope)}")
            return
        try:
            principal = await self._auth.identify(_bearer(_sent_tokens(scope)))
        except Unauthenticated:
            await self._count(state, "read", f"from {address_of(scope)}")
            raise
        state["principal"] = principal
        reads = scope["type"] == "websocket" or scope["method"] in _READING
        await self._count(state, "read" if reads else "write", principal.name)

    async def _count(self, state: dict[str, object], policy: str, who: str) -> None:
        """Raises TooManyRequests."""
        allowance = state["allowance"] = await self._rates.take(policy, who)
        if allowance.is_spent:
            seconds = allowance.reset_seconds
            raise TooManyRequests(
                f"More than {allowance.quota} requests in {allowance.window_seconds} s: slow down, "
                f"and try again in {seconds} s.",
                retry_after_seconds=seconds,
            )

    def _watched(self, scope: Scope, state: dict[str, object], send: Send) -> Send:
        """`send`, which tells what is left of the rate and records a refusal before it goes out."""

        async def watched(message: Message) -> None:
            if message["type"] in _STARTS:
                allowance = state.get("allowance")
                if isinstance(allowance, Allowance):
                    _tell(message, allowance)
                if message["status"] in _AUDITED:
                    await self._record(scope, state)
            await send(message)

        return watched

    def _guarded(
        self, scope: Scope, state: dict[str, object], receive: Receive, send: Send
    ) -> Standing | None:
        """Asks again now and then whether whoever came in with a token may stay."""
        principal = state["principal"]
        if not isinstance(principal, Principal):
            return None
        token = _bearer(_sent_tokens(scope))
        stands = partial(self._auth.stands, token, principal)
        return Standing(scope["type"], stands, self._ask_again_seconds, receive, send)

    async def _record(self, scope: Scope, state: dict[str, object]) -> None:
        """A failed sign-in is an event of its own."""
        refusal, principal = state.get("refusal"), state["principal"]
        if isinstance(refusal, KyrosError) and not isinstance(refusal, SignInFailed):
            who = principal if isinstance(principal, Principal) else None
            asked = Asked(scope.get("method", "WEBSOCKET"), scope["path"], address_of(scope))
            await self._refusals.access(who, refusal.code, asked)

    async def _refuse(self, refusal: KyrosError, scope: Scope, receive: Receive, send: Send) -> None:
        client = (scope.get("client") or ("unknown",))[0]
        get_log(__name__).warning("request_refused", code=refusal.code, path=scope["path"], client=client)
        if scope["type"] == "http":
            await self._answer(refusal)(scope, receive, send)
            return
        asked = Asked("WEBSOCKET", scope["path"], address_of(scope))
        await self._refusals.access(None, refusal.code, asked)
        if "websocket.http.response" in scope.get("extensions", {}):
            await self._answer(refusal)(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": refusal.code})


def _tell(message: Message, left: Allowance) -> None:
    """draft-ietf-httpapi-ratelimit-headers: the policy, and what is left of it."""
    policy = f'"{left.policy}";q={left.quota};w={left.window_seconds}'
    rest = f'"{left.policy}";r={left.remaining};t={left.reset_seconds}'
    told = [(b"ratelimit-policy", policy.encode()), (b"ratelimit", rest.encode())]
    message["headers"] = [*message.get("headers", ()), *told]


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]


def _paths(scope: Scope) -> set[str]:
    """The path as sent and as routed below a root_path: neither may be guarded if one is public."""
    path, root = scope["path"], scope.get("root_path", "")
    below = path.removeprefix(root) if path.startswith(f"{root}/") else path
    return {path, below}


def _sent_tokens(scope: Scope) -> list[str]:
    """What stands in Authorization headers; for a socket without one, in its protocols."""
    sent = _values(scope, b"authorization")
    if sent or scope["type"] != "websocket":
        return sent
    spoken = ",".join(_values(scope, b"sec-websocket-protocol")).split(",")
    tokens = [one.strip().removeprefix(_BEARER_PROTOCOL) for one in spoken if _BEARER_PROTOCOL in one]
    return [f"Bearer {token}" for token in tokens]


def _bearer(sent: list[str]) -> str:
    scheme, _, token = sent[0].partition(" ") if len(sent) == 1 else ("", "", "")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated(
            "Send the token as one header, `Authorization: Bearer TOKEN`; sign in to get one, or take the "
            "operator's from <home>/operator.token."
        )
    return token.strip()
