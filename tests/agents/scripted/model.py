"""The model itself: which question is which, and what comes next. No wire here."""

import json
from dataclasses import dataclass, field
from itertools import count

from tests.agents.scripted.script import Fault, Figures, Script, Shell, Write
from tests.agents.scripted.talk import Answer, Ask, Call
from tests.agents.scripted.tools import as_listing, call_for, example

SIDE = Figures(fresh=11, output=3)
"""What an answer to a side call reports."""
_TITLE = "Follow TASK.md"
_TAKES_LISTINGS = "*file listing*"
"""What aider, which offers no tools, calls the form of its answers."""


@dataclass
class ScriptedModel:
    """Where a conversation stands is read from the conversation: a repeated question gets the same answer."""

    script: Script
    reported: Figures = field(default_factory=Figures)
    reported_aside: Figures = field(default_factory=Figures)
    asked: list[Ask] = field(default_factory=list)
    asked_aside: list[Ask] = field(default_factory=list)
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    def take(self, ask: Ask) -> Answer | Fault:
        """The next answer of the script, its fault in place of it, or a word for a side call."""
        takes_listings = not ask.tools and _TAKES_LISTINGS in ask.text
        if not ask.tools and not takes_listings:
            self.asked_aside.append(ask)
            return self._aside(ask)
        self.asked.append(ask)
        if fault := self.script.faults.get(ask.calls):
            return fault
        if takes_listings:
            blocks = [as_listing(step) for step in self.script.steps if isinstance(step, Write)]
            return self._answer("\n".join([*blocks, self.script.closing]), 0)
        return self._next(ask)

    def saw(self, words: str) -> bool:
        """Whether these words ever stood in the main conversation."""
        return any(words in ask.text for ask in self.asked)

    def _next(self, ask: Ask) -> Answer:
        if ask.calls >= len(self.script.steps):
            return self._answer(self.script.closing, ask.calls)
        step = self.script.steps[ask.calls]
        tool, arguments = call_for(step, ask.tools, self.script.root)
        call = Call(f"call_scripted_{ask.calls}", tool, arguments)
        what = step.command if isinstance(step, Shell) else step.path
        return self._answer(f"{type(step).__name__} {what}.", ask.calls, call)

    def _answer(self, text: str, number: int, call: Call | None = None) -> Answer:
        figures = self.script.figures(number)
        self.reported += figures
        return Answer(f"scripted{next(self._numbers)}", text, figures, call)

    def _aside(self, ask: Ask) -> Answer:
        text = json.dumps(example(ask.schema)) if ask.schema else _TITLE
        self.reported_aside += SIDE
        return Answer(f"aside{next(self._numbers)}", text, SIDE)
