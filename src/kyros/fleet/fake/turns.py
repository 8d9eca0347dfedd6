"""Turns, their approvals and what they used, as dicts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from kyros.drivers.model import ResultKind
from kyros.events.model import NewEvent
from kyros.events.ports import Outbox
from kyros.fleet.fake.approvals import FakeApprovals
from kyros.fleet.model import (
    CUT_OFF,
    Turn,
)


class FakeTurns:
    """ports.Turns as a dict."""

    def __init__(self, outbox: Outbox, approvals: "FakeApprovals | None" = None) -> None:
        self._outbox = outbox
        self._approvals = approvals or FakeApprovals(outbox)
        self._turns: dict[str, Turn] = {}

    async def begin(self, turn: Turn) -> None:
        for old in await self.of_run(turn.run_id):
            self.cut_off(old.id, turn.started_at)
        self._tell("turn_started", turn.agent, turn, {})
        self._turns[turn.id] = turn

    async def note(self, turn: Turn) -> None:
        known = self._turns.get(turn.id)
        if known is not None and known.ended_at is None:
            self._turns[turn.id] = replace(
                known,
                usage=turn.usage,
                duration_ms=turn.duration_ms,
                bytes_streamed=turn.bytes_streamed,
            )

    async def end(self, turn: Turn) -> None:
        details = {"result": turn.result_kind, "note": turn.note}
        self._tell("turn_ended", turn.agent, turn, details)
        self._turns[turn.id] = turn

    async def of_run(self, run_id: str) -> Sequence[Turn]:
        mine = [turn for turn in self._turns.values() if turn.run_id == run_id]
        asked = {turn.id: tuple(self._approvals.of_turn(turn.id)) for turn in mine}
        whole = [replace(turn, approvals=asked[turn.id]) for turn in mine]
        return sorted(whole, key=lambda turn: turn.started_at)

    def cut_off(self, turn_id: str, at: str) -> None:
        turn = self._turns.get(turn_id)
        if turn is not None and turn.ended_at is None:
            self._tell("turn_ended", turn.agent, turn, {"result": ResultKind.LOST, "note": CUT_OFF})
            self._turns[turn_id] = replace(turn, ended_at=at, result_kind=ResultKind.LOST, note=CUT_OFF)

    def rows(self) -> Sequence[Turn]:
        return list(self._turns.values())

    def _tell(self, event: str, actor: str, turn: Turn, details: Mapping[str, object]) -> None:
        self._outbox.append_in(None, [NewEvent(event, actor, turn.run_id, {**turn.facts(), **details})])
