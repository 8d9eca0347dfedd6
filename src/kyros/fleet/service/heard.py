"""What an agent said in one turn, for whoever asked it."""

from collections.abc import Callable
from dataclasses import replace

from kyros.drivers.model import Entry, EntryKind, SessionState, State
from kyros.drivers.ports import Listener
from kyros.fleet.model import OUTPUT_SIGNS, plain

_KEPT_BYTES = 4 * OUTPUT_SIGNS


class Heard:
    """Its last message where its driver tells messages, else what it printed, as plain text; masked."""

    def __init__(self) -> None:
        self._masked: Callable[[str], str] = str
        self._message = self._message_id = ""
        self._printed = bytearray()
        self._is_working = False

    @property
    def text(self) -> str:
        said = self._message.strip() or plain(self._printed.decode("utf-8", "replace"))
        return self._masked(said)[-OUTPUT_SIGNS:]

    def beside(self, listener: Listener, masked: Callable[[str], str]) -> Listener:
        """The listener, overheard; `masked` hides what was lent in confidence."""
        self._masked = masked

        def output(data: bytes) -> None:
            self._printed += data
            del self._printed[:-_KEPT_BYTES]
            listener.output(data)

        def note(entry: Entry) -> None:
            if entry.kind is EntryKind.MESSAGE:
                goes_on = entry.id != "" and entry.id == self._message_id
                self._message = self._message + entry.text if goes_on else entry.text
                self._message_id = entry.id
            listener.note(entry)

        def state(state: State) -> None:
            if state.state is SessionState.WORKING and not self._is_working:
                self._is_working = True
                self._printed.clear()  # a banner answers nothing
            listener.state(state)

        return replace(listener, output=output, note=note, state=state)
