"""What one session tells and asks during one turn."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager

from kyros.drivers.model import ApprovalRequest, Decision, Entry, EntryKind, Outcome, State, Tier, Usage
from kyros.drivers.ports import Listener
from kyros.fleet.model import Approval, Turn, TurnOrder
from kyros.fleet.model.masking import Mask, StreamMask, confidential
from kyros.fleet.ports import Recording, Transcript
from kyros.fleet.service.deadline import Deadline
from kyros.fleet.service.judge import Judge
from kyros.fleet.service.meter import Watch
from kyros.kernel.clock import Clock, to_text

_RELEASE_SECONDS = 0.05
_TAIL_BYTES = 16_000
_VENDOR_ERROR = "vendor_error"
_SEQUENCES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")

Blocked = Callable[[Approval | None], Awaitable[None]]
"""Told what a person is asked while the turn waits for them; None when it goes on."""


async def nobody(_: Approval | None) -> None:
    """Nobody wants to know."""


class Desk:
    """Of one turn; it hands each thing on to whoever it concerns. What was lent to the agent in confidence is
    masked before it is kept."""

    def __init__(
        self,
        order: TurnOrder,
        turn: Turn,
        recording: Recording,
        transcript: Transcript,
        judge: Judge,
        watch: Watch,
        clock: Clock,
        blocked: Blocked = nobody,
    ) -> None:
        self.turn = turn
        self.tier = turn.tier
        self.deadline = Deadline(order.timeout_seconds)
        self.recording = recording
        self._order = order
        self._transcript = transcript
        self._judge = judge
        self._watch = watch
        self._clock = clock
        self._blocked = blocked
        self._asked: dict[str, Approval] = {}
        self._telling = asyncio.Lock()
        self._mask = Mask()
        self._stream = StreamMask()
        self._tail = bytearray()
        self._releasing: asyncio.TimerHandle | None = None

    @property
    def bytes_streamed(self) -> int:
        return self._watch.bytes_streamed

    @property
    def spent(self) -> Usage:
        return self._watch.usage

    def last_words(self, outcome: Outcome) -> str:
        """The end of what was printed, without what moves and colours it, and the note; masked. Where the
        program tells its vendor's errors apart, such an error alone: anybody's text may be printed."""
        if self.tier is not Tier.TERMINAL and outcome.evidence == _VENDOR_ERROR:
            return self._mask.text(outcome.note)
        printed = _SEQUENCES.sub("", self._tail.decode("utf-8", "replace"))
        return self._mask.text(f"{printed}\n{outcome.note}")

    @property
    def duration_ms(self) -> float:
        """By now; the time in which a person was awaited does not count."""
        return self._watch.duration_ms

    def masked(self, text: str) -> str:
        return self._mask.text(text)

    def begin(self, env: Mapping[str, str], lent: Collection[str]) -> None:
        """Before anything is printed: `env` is what the program sees, `lent` names what its profile lets
        through."""
        values = confidential(env, lent)
        self._mask, self._stream = Mask(values), StreamMask(values)
        self._note(Entry(EntryKind.PROMPT, self._order.prompt))

    def end(self, outcome: Outcome) -> Outcome:
        """After everything is printed. The outcome with its note masked."""
        if self._releasing is not None:
            self._releasing.cancel()
        if rest := self._stream.end():
            self.recording.write(rest)
        note = self._mask.text(outcome.note)
        details = {"result": outcome.result, "evidence": outcome.evidence}
        self._note(Entry(EntryKind.END, note, details=details))
        usage = self._watch.usage if outcome.usage == Usage() else outcome.usage
        return Outcome(outcome.result, outcome.evidence, note, usage)

    def listener(self) -> Listener:
        return Listener(
            output=self._output,
            state=self._state,
            decide=self._decide,
            note=self._note,
            spent=self._watch.spent,
        )

    def _output(self, data: bytes) -> None:
        self._watch.bytes_streamed += len(data)
        self._tail += data
        del self._tail[:-_TAIL_BYTES]
        if self._releasing is not None:
            self._releasing.cancel()
        if shown := self._stream.feed(data):
            self.recording.write(shown)
        if self._stream.holds_back:
            self._releasing = asyncio.get_running_loop().call_later(_RELEASE_SECONDS, self._release)

    def _release(self) -> None:
        """Nothing more has come for a moment: what is held back by chance is shown."""
        if shown := self._stream.release():
            self.recording.write(shown)

    def _state(self, state: State) -> None:
        """Of a turn its end and its approvals are kept; the pool follows the states between."""

    def _note(self, entry: Entry) -> None:
        details = self._mask.within(dict(entry.details))
        assert isinstance(details, dict)
        masked = Entry(entry.kind, self._mask.text(entry.text), entry.id, details)
        self._transcript.note(self.turn.id, to_text(self._clock()), masked)

    async def _decide(self, request: ApprovalRequest) -> Decision:
        decision = await self._judge.decide(self._order, self.turn, request, self._waiting, self._mask)
        details = {
            "kind": request.kind,
            "subject": request.subject,
            "tool": request.tool,
            "allowed": decision.allow,
            "rule": decision.rule,
            "note": decision.note,
        }
        self._note(Entry(EntryKind.APPROVAL, request.text, details=details))
        return decision

    @asynccontextmanager
    async def _waiting(self, approval: Approval) -> AsyncIterator[None]:
        """Several may be asked at once: the turn goes on when the last is answered."""
        self._asked[approval.id] = approval
        with self.deadline.paused(), self._watch.paused():
            try:
                await self._tell()
                yield
            finally:
                del self._asked[approval.id]
                await asyncio.shield(self._tell())

    async def _tell(self) -> None:
        async with self._telling:
            await self._blocked(next(iter(self._asked.values()), None))
