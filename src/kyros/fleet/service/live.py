"""One live session in the hands of the pool: started, perhaps ahead of its work, and used once."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from kyros.drivers.model import Outcome, Profile, ResultKind, SessionState, State
from kyros.drivers.ports import Listener, Session
from kyros.fleet.model import IN_USE, SessionRow, Standing
from kyros.fleet.service.switch import Switch
from kyros.kernel.clock import Clock, to_text


class Live:
    """`readying` ends with None, or with why it never will take a prompt."""

    def __init__(self, row: SessionRow, profile: Profile, place: str | None, clock: Clock) -> None:
        self.row = row
        self.profile = profile
        self.place = place
        self.switch = Switch(self._on_state)
        self.session: Session | None = None
        self.env: Mapping[str, str] = {}
        self.readying: asyncio.Task[Outcome | None] | None = None
        self.is_taken = row.current_task is not None
        self.is_leaving = False
        self.is_gone = False
        self.outcome: Outcome | None = None
        self._clock = clock
        self._written = row

    @property
    def id(self) -> str:
        return self.row.id

    @property
    def folder(self) -> Path:
        return Path(self.row.folder)

    @property
    def is_waiting(self) -> bool:
        """Started ahead, and free to be taken."""
        return not (self.is_taken or self.is_leaving or self.is_gone)

    @property
    def is_unwritten(self) -> bool:
        """Whether the row in the store tells less than is known here."""
        return self.row != self._written

    def note_written(self, row: SessionRow) -> None:
        self._written = row

    def take(self, task_id: str) -> None:
        self.is_taken = True
        self._becomes(Standing.BUSY, current_task=task_id)

    def give_back(self) -> None:
        """Taken, but nothing was asked of it."""
        self.is_taken = False
        self._becomes(Standing.READY if self.row.ready_at else Standing.STARTING, current_task=None)

    def came_up(self) -> None:
        now = to_text(self._clock())
        standing = Standing.READY if self.is_waiting else self.row.standing
        used_at = now if self.is_waiting else self.row.used_at
        self.row = replace(self.row, standing=standing, ready_at=now, used_at=used_at)

    def ended(self, why: str) -> SessionRow:
        self.row = replace(self.row, standing=Standing.ENDED, ended_at=to_text(self._clock()), why=why)
        return self.row

    @property
    def was_used(self) -> bool:
        return self.switch.is_attached

    async def converse(self, listener: Listener, prompt: str, timeout_seconds: float) -> Outcome:
        """The one turn of its life, with what is left of its start. Raises only when it is cut off."""
        assert self.session is not None
        assert self.readying is not None
        self.switch.attach(listener)
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(timeout_seconds) as deadline:
                self.outcome = await asyncio.shield(self.readying)
        except TimeoutError:
            if not deadline.expired():
                raise
            note = f"{self.profile.title} was not at its prompt after {timeout_seconds:g} s and was stopped."
            self.outcome = Outcome(ResultKind.TIMED_OUT, "deadline", note)
        if self.outcome is None:
            left = max(0.001, timeout_seconds - (loop.time() - began))
            self.outcome = await self.session.turn(prompt, left)
        return self.outcome

    async def stop(self) -> None:
        """Idempotent."""
        if self.session is not None:
            await self.session.stop()

    def _on_state(self, state: State) -> None:
        if state.state is SessionState.LOST:
            self.is_gone = True
        elif self.row.standing in IN_USE:
            is_blocked = state.state is SessionState.BLOCKED
            standing = Standing.BLOCKED if is_blocked else Standing.BUSY
            self.row = replace(self.row, standing=standing)

    def _becomes(self, standing: Standing, current_task: str | None) -> None:
        now = to_text(self._clock())
        self.row = replace(self.row, standing=standing, current_task=current_task, used_at=now)
