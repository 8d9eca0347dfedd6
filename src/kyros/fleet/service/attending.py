"""The worker's side of attaching: lets whoever holds a run's keyboard type into its program."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kyros.drivers.ports import Keyboard, Session
from kyros.engine.ports import Bus
from kyros.fleet.model.attach import (
    COLUMNS,
    HELD_SECONDS,
    ROWS,
    Held,
    Keys,
    Touch,
    Window,
    answers_of,
    read,
    touches_of,
)
from kyros.fleet.ports import Recording


class Attending:
    """`at` is open for as long as a session works on a run."""

    def __init__(self, bus: Bus, held_seconds: float = HELD_SECONDS) -> None:
        self._bus = bus
        self._held_seconds = held_seconds

    @asynccontextmanager
    async def at(self, run_id: str, session: Session, recording: Recording) -> AsyncIterator[None]:
        if session.keyboard is None:
            yield
            return
        hands = _Hands(session.keyboard, recording, self._held_seconds)
        hearing = asyncio.create_task(self._hear(run_id, hands), name=f"keyboard of {run_id}")
        try:
            yield
        finally:
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)
            hands.let_go()

    async def _hear(self, run_id: str, hands: "_Hands") -> None:
        async with self._bus.subscribe(touches_of(run_id)) as messages:
            async for message in messages:
                touch = read(message)
                if touch is not None:
                    hands.feel(touch)
                if isinstance(touch, Held):
                    self._bus.publish(answers_of(run_id), b"")


class _Hands:
    """Those of the one who holds the keyboard; others are not felt."""

    def __init__(self, keyboard: Keyboard, recording: Recording, held_seconds: float) -> None:
        self._keyboard = keyboard
        self._recording = recording
        self._held_seconds = held_seconds
        self._hands: str | None = None
        self._by = ""
        self._window = (COLUMNS, ROWS)
        self._ending: asyncio.TimerHandle | None = None

    def feel(self, touch: Touch) -> None:
        match touch:
            case Held(hands, None) if hands == self._hands:
                self.let_go()
            case Held(hands, str(by)):
                self._hold(hands, by)
            case Keys(hands, keys) if hands == self._hands:
                self._keyboard.type(keys)
            case Window(hands, columns, rows) if hands == self._hands:
                self._resize(columns, rows)

    def let_go(self) -> None:
        if self._ending is not None:
            self._ending.cancel()
        if self._hands is not None:
            self._recording.mark(f"{self._by} gave the keyboard back")
            self._hands = None
            self._resize(COLUMNS, ROWS)
            self._keyboard.hold(False)

    def _hold(self, hands: str, by: str) -> None:
        """Held for as long as it is said again. Only who has the lease says so: the last word holds."""
        if hands != self._hands:
            self._recording.mark(f"{by} took the keyboard")
            self._hands, self._by = hands, by
            self._keyboard.hold(True)
        if self._ending is not None:
            self._ending.cancel()
        self._ending = asyncio.get_running_loop().call_later(self._held_seconds, self.let_go)

    def _resize(self, columns: int, rows: int) -> None:
        if (columns, rows) == self._window:
            return
        self._window = (columns, rows)
        self._keyboard.resize(columns, rows)
        self._recording.resize(columns, rows)
