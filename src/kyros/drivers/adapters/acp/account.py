"""What one turn has said and done so far: told to the listener as it comes, joined and counted."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from kyros.drivers.adapters.acp.calls import Call, ended, told
from kyros.drivers.adapters.acp.figures import Figures
from kyros.drivers.adapters.bounds import clean, word
from kyros.drivers.adapters.messages import Event, items, mapping, output_lines, shown, text_of, tool_line
from kyros.drivers.model import Entry, EntryKind, Usage
from kyros.drivers.ports import Listener

_CALLS = 10_000
_MESSAGE_SIGNS = 100_000
_MARKS = {"completed": "x", "in_progress": "~"}


class Account:
    """Of one turn. `earlier` holds the ids of calls and messages of the turns before: what comes late of them
    belongs to no turn any more."""

    def __init__(self, listener: Listener, cwd: Path, figures: Figures, earlier: frozenset[str]) -> None:
        self.figures = figures
        self.calls: dict[str, Call] = {}
        self.was_denied = False
        self._listener = listener
        self._cwd = cwd
        self._earlier = earlier
        self._tools: Counter[str] = Counter()
        self._message_ids: set[str] = set()
        self._speech = Speech(EntryKind.MESSAGE, "")
        self._last_message = ""
        self._plan: object = None

    @property
    def last_message(self) -> str:
        """The last that it said to a person."""
        said = self._speech.text() if self._speech.kind is EntryKind.MESSAGE else ""
        return said.strip() or self._last_message

    @property
    def is_silent(self) -> bool:
        """Nothing was said and nothing was done."""
        return not (self.last_message or self._speech.text().strip() or self.calls or self._plan)

    def take(self, update: Event) -> None:
        """One `session/update`. Kinds that nobody knows mean nothing."""
        taker = self._takers().get(text_of(update.get("sessionUpdate")))
        if taker is not None:
            taker(update)

    def asked_of(self, tool_call: Event) -> Call | None:
        """The call that a request is about, with what it says merged in. None: it has no id, or is late."""
        call = self._find(tool_call)
        if call is not None:
            call.merge(tool_call)
            self._tell(call)
        return call

    def call_of(self, update: Event) -> None:
        """A call is announced, goes on, or ends; in whatever order."""
        call = self._find(update)
        if call is None:
            return
        had_ended = call.has_ended
        call.merge(update)
        call.take_result(update)
        if not call.is_bare:
            self._tell(call)
        if call.has_ended and not had_ended:
            self._finish(call)

    def _find(self, update: Event) -> Call | None:
        number = word(update.get("toolCallId"))
        if not number or number in self._earlier:
            return None
        if number not in self.calls and len(self.calls) < _CALLS:
            self.calls[number] = Call(number)
        return self.calls.get(number)

    def take_response(self, response: Event) -> None:
        self.figures.take_response(response)
        self._spend()

    def take_tally(self, tokens: Event) -> None:
        self.figures.take_tally(tokens)
        self._spend()

    def usage(self) -> Usage:
        return self.figures.usage(self._tools)

    def close(self) -> frozenset[str]:
        """Tell what waited for more. Returns the ids that are now of an earlier turn."""
        self._hush()
        for call in self.calls.values():
            self._tell(call)
        return self._earlier | self.calls.keys() | self._message_ids

    def show(self, lines: Iterable[str]) -> None:
        """Lines for the recording."""
        for line in lines:
            self._listener.output(f"{line}\r\n".encode())

    def _takers(self) -> Mapping[str, Callable[[Event], object]]:
        return {
            "agent_message_chunk": lambda update: self._say(EntryKind.MESSAGE, update),
            "agent_thought_chunk": lambda update: self._say(EntryKind.THOUGHT, update),
            "tool_call": self.call_of,
            "tool_call_update": self.call_of,
            "plan": self._plan_of,
            "usage_update": self._cost_of,
        }

    def _say(self, kind: EntryKind, update: Event) -> None:
        """Chunks of one message become one entry."""
        number = word(update.get("messageId"))
        if number and number in self._earlier:
            return
        if number and len(self._message_ids) < _CALLS:
            self._message_ids.add(number)
        if self.figures.take_call(mapping(update.get("_meta")).get("usage")):
            self._spend()
        if (kind, number) != (self._speech.kind, self._speech.id) or self._speech.size > _MESSAGE_SIGNS:
            self._hush()
            self._speech = Speech(kind, number)
        content = mapping(update.get("content"))
        piece = text_of(content.get("text")) or text_of(content.get("uri"))
        self.show(self._speech.add(clean(piece, len(piece))))

    def _hush(self) -> None:
        """What was being said is whole."""
        speech = self._speech
        self.show(speech.end())
        text = speech.text().strip()
        if text and speech.kind is EntryKind.MESSAGE:
            self._last_message = text
        if text:
            self._listener.note(Entry(speech.kind, text, speech.id))
        self._speech = Speech(EntryKind.MESSAGE, "")

    def _tell(self, call: Call) -> None:
        if call.is_told:
            return
        call.is_told = True
        self._hush()
        self._tools[call.tool] += 1
        self._listener.note(told(call))
        self.show([tool_line(call.tool, call.subject())])
        self._spend()

    def _finish(self, call: Call) -> None:
        for entry in ended(call, self._cwd):
            self._listener.note(entry)
        self.show(output_lines(call.result))
        if call.status == "failed":
            self.show(["  ✗ failed"])

    def _plan_of(self, update: Event) -> None:
        steps = [
            {"text": clean(text_of(step.get("content")), 2_000), "status": word(step.get("status"))}
            for step in items(update.get("entries"))[:200]
        ]
        if steps and steps != self._plan:
            self._plan = steps
            self._hush()
            lines = [f"[{_MARKS.get(step['status'], ' ')}] {step['text']}" for step in steps]
            self._listener.note(Entry(EntryKind.PLAN, "\n".join(lines), details={"steps": steps}))
            self.show(line for text in lines for line in shown(text))

    def _cost_of(self, update: Event) -> None:
        if self.figures.take_update(update):
            self._spend()

    def _spend(self) -> None:
        self._listener.spent(self.usage())


class Speech:
    """One message or thought as it comes in pieces."""

    def __init__(self, kind: EntryKind, number: str) -> None:
        self.kind = kind
        self.id = number
        self.size = 0
        self._pieces: list[str] = []
        self._begun_line = ""

    def add(self, piece: str) -> Iterable[str]:
        """The lines that are whole by now, for the recording; thoughts are not shown there."""
        self._pieces.append(piece)
        self.size += len(piece)
        if self.kind is not EntryKind.MESSAGE:
            return []
        text, _, self._begun_line = (self._begun_line + piece).rpartition("\n")
        return shown(text)

    def end(self) -> Iterable[str]:
        line, self._begun_line = self._begun_line, ""
        return shown(line)

    def text(self) -> str:
        return "".join(self._pieces)
