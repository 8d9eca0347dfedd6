"""The server's side of attaching: a run's keyboard is a lease, and only its holder's keys go on."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from kyros.collab.errors import LeaseLost
from kyros.collab.service.leases import Leases
from kyros.engine.ports import Bus
from kyros.fleet.errors import NoTerminal
from kyros.fleet.model.attach import (
    BEAT_SECONDS,
    HELD_SECONDS,
    Held,
    Keys,
    Touch,
    Window,
    answers_of,
    touches_of,
    written,
)

_ANSWER_SECONDS = 2.0


class Keyboards:
    def __init__(
        self,
        bus: Bus,
        leases: Leases,
        held_seconds: float = HELD_SECONDS,
        beat_seconds: float = BEAT_SECONDS,
    ) -> None:
        self._bus = bus
        self._leases = leases
        self._held_seconds = held_seconds
        self._beat_seconds = beat_seconds

    async def take(self, run_id: str, name: str, socket: str, lost: Callable[[], None]) -> "Hold":
        """`socket` tells one's windows apart; `lost` is called when the lease is lost, or cannot be kept any
        more. Raises LeaseHeld naming the holder, and NoTerminal."""
        hands, life = f"{name}/{socket}", (self._held_seconds, self._beat_seconds)
        hold = Hold(self._bus, self._leases, run_id, name, hands, lost, *life)
        await hold.open()
        return hold


class Hold:
    """One keyboard in one pair of hands, until `close`."""

    def __init__(
        self,
        bus: Bus,
        leases: Leases,
        run_id: str,
        name: str,
        holder: str,
        lost: Callable[[], None],
        held_seconds: float,
        beat_seconds: float,
    ) -> None:
        self._bus = bus
        self._leases = leases
        self._run_id = run_id
        self._name = name
        self._holder = holder
        self._lost = lost
        self._held_seconds = held_seconds
        self._beat_seconds = beat_seconds
        self._window: Window | None = None
        self._resource = f"keyboard:{run_id}"
        self._beating: asyncio.Task[None] | None = None

    async def open(self) -> None:
        await self._leases.acquire([self._resource], self._holder, self._held_seconds)
        try:
            await self._find_terminal()
        except BaseException:
            await asyncio.shield(self._release())
            raise
        self._beating = asyncio.create_task(self._beat(), name=f"hold {self._resource}")

    def type(self, keys: bytes) -> None:
        self._tell(Keys(self._holder, keys))

    def resize(self, columns: int, rows: int) -> None:
        self._window = Window(self._holder, columns, rows)
        self._tell(self._window)

    async def close(self) -> None:
        """Give it back; idempotent."""
        if self._beating is not None:
            self._beating.cancel()
            self._beating = None
            await asyncio.shield(self._release())

    async def _find_terminal(self) -> None:
        async with self._bus.subscribe(answers_of(self._run_id)) as answers:
            self._tell(Held(self._holder, self._name))
            try:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    await anext(answers)
            except TimeoutError:
                raise NoTerminal(
                    f"No program works in a terminal on {self._run_id} now, so there is nothing to type "
                    "into: wait until its agent works. Agents driven over ACP or a vendor's JSON have no "
                    "terminal."
                ) from None

    async def _beat(self) -> None:
        """What is held is said again: to the lease, and to the worker, whose program may be another by now. A
        beat that fails is missed; missed for as long as the lease lives, it is lost."""
        loop = asyncio.get_running_loop()
        kept_at = loop.time()
        while True:
            await asyncio.sleep(self._beat_seconds)
            began = loop.time()
            try:
                async with asyncio.timeout_at(kept_at + self._held_seconds):
                    await self._leases.heartbeat(self._holder, [self._resource])
            except LeaseLost:
                break
            except Exception:
                if loop.time() >= kept_at + self._held_seconds:
                    break
                continue
            kept_at = began
            self._tell(Held(self._holder, self._name))
            if self._window is not None:
                self._tell(self._window)
        self._beating = None
        self._tell(Held(self._holder, None))
        self._lost()

    async def _release(self) -> None:
        self._tell(Held(self._holder, None))
        with suppress(LeaseLost):
            await self._leases.release(self._holder, [self._resource])

    def _tell(self, touch: Touch) -> None:
        self._bus.publish(touches_of(self._run_id), written(touch))
