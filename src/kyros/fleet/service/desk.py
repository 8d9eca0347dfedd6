"""What one session tells and asks during one turn."""

from kyros.drivers.model import ApprovalRequest, Decision, State
from kyros.drivers.ports import Listener
from kyros.fleet.model import Turn, TurnOrder
from kyros.fleet.ports import Recording
from kyros.fleet.service.judge import Judge


class Desk:
    """Of one turn; it hands each thing on to whoever it concerns."""

    def __init__(self, order: TurnOrder, turn: Turn, recording: Recording, judge: Judge) -> None:
        self.turn = turn
        self.tier = turn.tier
        self.bytes_streamed = 0
        self._order = order
        self._recording = recording
        self._judge = judge

    def listener(self) -> Listener:
        return Listener(output=self._output, state=self._state, started=lambda pid: None, decide=self._decide)

    def _output(self, data: bytes) -> None:
        self.bytes_streamed += len(data)
        self._recording.write(data)

    def _state(self, state: State) -> None:
        """Nobody asks for it yet but the program's own recording, which shows it."""

    async def _decide(self, request: ApprovalRequest) -> Decision:
        return await self._judge.decide(self._order, self.turn, request)
