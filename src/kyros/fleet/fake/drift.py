"""Findings and open turns, in memory."""

from collections.abc import Sequence
from dataclasses import replace

from kyros.events.model import NewEvent
from kyros.events.ports import Outbox
from kyros.fleet.fake.turns import FakeTurns
from kyros.fleet.model import Finding


class FakeDrift:
    """ports.Drift over the turns of a FakeTurns."""

    def __init__(self, outbox: Outbox, turns: FakeTurns) -> None:
        self._outbox = outbox
        self._turns = turns
        self._found: dict[tuple[str, str], Finding] = {}

    async def settle(self, findings: Sequence[Finding], at: str) -> None:
        now = {(one.kind, one.subject): one for one in findings}
        for key, one in now.items():
            if key not in self._found:
                details = {"kind": one.kind, "subject": one.subject, "note": one.note}
                event = {**details, "project_id": one.project_id}
                self._outbox.append_in(None, [NewEvent("drift_found", "kyros", one.subject, event)])
        self._found = {key: self._found.get(key, replace(one, found_at=at)) for key, one in now.items()}

    async def all(self) -> Sequence[Finding]:
        return sorted(self._found.values(), key=lambda one: (one.found_at, one.kind, one.subject))

    async def open_turns(self) -> Sequence[tuple[str, str]]:
        return [(turn.id, turn.run_id) for turn in self._turns.rows() if turn.ended_at is None]

    async def close_turn(self, turn_id: str, at: str) -> None:
        self._turns.cut_off(turn_id, at)
