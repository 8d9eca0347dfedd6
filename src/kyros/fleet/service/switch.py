"""What a session says before anybody listens, kept for whoever will."""

import asyncio
from collections import deque
from collections.abc import Callable

from kyros.drivers.model import ApprovalRequest, Decision, Entry, State, Usage
from kyros.drivers.ports import Listener

KEPT_BYTES = 256 * 1024
_KEPT_ENTRIES = 200


class Switch:
    """The listener a program is started with. `watch` hears every state, listened to or not."""

    def __init__(self, watch: Callable[[State], None]) -> None:
        self._watch = watch
        self._to: Listener | None = None
        self._attached = asyncio.Event()
        self._output = bytearray()
        self._entries: deque[Entry] = deque(maxlen=_KEPT_ENTRIES)
        self._state: State | None = None
        self._spent: Usage | None = None

    def listener(self) -> Listener:
        return Listener(
            output=self._on_output,
            state=self._on_state,
            decide=self._decide,
            note=self._on_note,
            spent=self._on_spent,
        )

    def attach(self, listener: Listener) -> None:
        """Everything goes there from now on; what was said until now goes first."""
        if self._output:
            listener.output(bytes(self._output))
        for entry in self._entries:
            listener.note(entry)
        if self._spent is not None:
            listener.spent(self._spent)
        if self._state is not None:
            listener.state(self._state)
        self._output.clear()
        self._entries.clear()
        self._to = listener
        self._attached.set()

    @property
    def is_attached(self) -> bool:
        return self._to is not None

    def said(self) -> str:
        """What it printed while nobody listened, for a note on why it is of no use."""
        return self._output.decode("utf-8", "replace")

    def _on_output(self, data: bytes) -> None:
        if self._to is not None:
            self._to.output(data)
            return
        self._output += data
        del self._output[:-KEPT_BYTES]

    def _on_state(self, state: State) -> None:
        self._state = state
        self._watch(state)
        if self._to is not None:
            self._to.state(state)

    def _on_note(self, entry: Entry) -> None:
        if self._to is not None:
            self._to.note(entry)
        else:
            self._entries.append(entry)

    def _on_spent(self, usage: Usage) -> None:
        self._spent = usage
        if self._to is not None:
            self._to.spent(usage)

    async def _decide(self, request: ApprovalRequest) -> Decision:
        """Nobody answers for a turn that is not there yet: what asks while it starts waits for one."""
        await self._attached.wait()
        assert self._to is not None
        return await self._to.decide(request)
