"""Refusals as events: the first at once, then how many more, so that nobody can fill the disk with them."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from kyros.auth.model import Principal
from kyros.events.model import NewEvent
from kyros.events.ports import EventLog
from kyros.infra.telemetry import get_log
from kyros.kernel.clock import Clock
from kyros.kernel.errors import KyrosError

EVERY_SECONDS = 60
_APART = 300
_OTHERS = "others"


@dataclass(frozen=True)
class Asked:
    """A request that was refused. `path` without query; `address` whence it came."""

    method: str
    path: str
    address: str


@dataclass
class _Window:
    event: NewEvent
    count: int
    ends: datetime


class Refusals:
    """Told apart by who was refused and why; beyond a few hundred at a time all others are one."""

    def __init__(self, log: EventLog, now: Clock) -> None:
        self._log, self._now = log, now
        self._windows: dict[tuple[str, str, str], _Window] = {}

    async def access(self, principal: Principal | None, code: str, asked: Asked) -> None:
        """The gate, or a door, said no. Nothing of the request but method and path is kept."""
        who = principal.name if principal else asked.address
        details = {
            "code": code,
            "method": asked.method,
            "path": asked.path[:200],
            "via": principal.kind.value if principal else "nobody",
            "address": asked.address,
        }
        await self._note(NewEvent("access_refused", who, who, details), code)

    async def sign_in(self, person: str | None, address: str) -> None:
        """A name that is nobody's is not kept: it may be a password in the wrong field."""
        who = person or address
        await self._note(NewEvent("sign_in_failed", who, who, {"address": address}), "")

    async def flush(self) -> None:
        """Append the counts of all windows that are over."""
        over = [key for key, window in self._windows.items() if self._now() >= window.ends]
        for key in over:
            window = self._windows.pop(key)
            if window.count:
                details = {**window.event.details, "times": window.count}
                await self._append(replace(window.event, details=details))

    async def run(self) -> None:
        """Flush now and then, for as long as the server serves; at its end all of it."""
        try:
            while True:
                await asyncio.sleep(EVERY_SECONDS / 4)
                await self.flush()
        finally:
            for window in self._windows.values():
                window.ends = self._now()
            await self.flush()

    async def _note(self, event: NewEvent, code: str) -> None:
        key = (event.event, event.actor, code)
        if key not in self._windows and len(self._windows) >= _APART:
            event = _of_others(event)
            key = (event.event, event.actor, code)
        window = self._windows.get(key)
        if window is not None:
            window.count += 1
            window.event = event
            return
        self._windows[key] = _Window(event, 0, self._now() + timedelta(seconds=EVERY_SECONDS))
        await self._append(event)

    async def _append(self, event: NewEvent) -> None:
        try:
            await self._log.append(event)
        except KyrosError as error:  # who is refused is refused, whether or not it can be written down
            get_log("kyros.auth").warning(
                "a refusal was not recorded", event_name=event.event, reason=error.code
            )


def _of_others(event: NewEvent) -> NewEvent:
    kept: Mapping[str, object] = {name: event.details[name] for name in ("code",) if name in event.details}
    return replace(event, actor=_OTHERS, target=_OTHERS, details=kept)
