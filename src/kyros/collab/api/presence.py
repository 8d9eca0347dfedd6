"""Any request of an agent is a sign of life: noted once a minute, before its route runs."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import monotonic

from starlette.types import ASGIApp, Receive, Scope, Send

from kyros.auth.model import Principal, PrincipalKind
from kyros.collab.model.registry import SEEN_EVERY
from kyros.kernel.errors import KyrosError

_EVERY_SECONDS = SEEN_EVERY.total_seconds()


class Presence:
    """A pure ASGI middleware behind the gate. `saw` is told a name at most once a minute; what it refuses
    (a full disk) harms no request."""

    def __init__(self, app: ASGIApp, saw: Callable[[str], Awaitable[None]]) -> None:
        self._app = app
        self._saw = saw
        self._told: dict[str, float] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        principal: Principal | None = scope.get("state", {}).get("principal")
        if principal is not None and principal.kind is PrincipalKind.AGENT:
            await self._note(principal.name)
        await self._app(scope, receive, send)

    async def _note(self, name: str) -> None:
        now = monotonic()
        if now - self._told.get(name, -_EVERY_SECONDS) < _EVERY_SECONDS:
            return
        self._told[name] = now
        with suppress(KyrosError):
            await self._saw(name)
