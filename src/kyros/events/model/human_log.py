"""Events as people read them: one sentence each, grouped by task and by who did it, in Markdown.

Whatever came from outside is escaped: a title makes no heading, no link and no tag.
"""

import re
from collections.abc import Callable, Mapping, Sequence

from kyros.events.model.event import Event
from kyros.events.model.reported import REPORTED
from kyros.events.model.sentences import SENTENCES

_LONGEST = 160
_FACTS = 6
_TASK = re.compile(r"T-[1-9][0-9]*")
_PLAIN = re.compile(r"[\w .:/@+-]+")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\s]+")
_SPECIAL = re.compile(r"([\\`*_{}\[\]#|~!$@^])")
_ADDRESS = re.compile(r":(?=//)|(?<=www)\.", re.IGNORECASE)


def human_log(events: Sequence[Event]) -> str:
    """Markdown about these events, oldest first; empty for none."""
    if not events:
        return ""
    first, last = events[0], events[-1]
    head = f"## {_minute(first.ts)} to {_minute(last.ts)} UTC: events {first.id} to {last.id}"
    titles = _titles(events)
    parts = [head]
    for task_id, group in _grouped(events, _task_of):
        parts.append(_heading(task_id, titles.get(task_id, "")))
        for actor, done in _grouped(group, lambda event: event.actor):
            lines = "\n".join(f"- {event.ts[11:19]} {sentence(event)}" for event in done)
            parts.append(f"**{plain(actor)}**\n\n{lines}")
    return "\n\n".join(parts) + "\n"


def sentence(event: Event) -> str:
    """What happened, without who and when. A reported event is told as a report, whatever its name."""
    if event.details.get(REPORTED) is True:
        return f"reported {code(event.event)} on {code(event.target)}{_facts(event.details)}."
    form = SENTENCES.get(event.event)
    if form is None:
        return f"{code(event.event)} on {code(event.target)}{_facts(event.details)}."
    return form.format_map(_Told(event)).rstrip()


def plain(value: object) -> str:
    """On one line, short, and nothing in it means anything in Markdown or HTML."""
    text = _cut(_UNSEEN.sub(" ", _text(value)).strip())
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _ADDRESS.sub(lambda found: "\\" + found[0], _SPECIAL.sub(r"\\\1", text))


def code(value: object) -> str:
    """As code where it is a plain name, else as plain text."""
    text = _cut(_text(value))
    return f"`{text}`" if _PLAIN.fullmatch(text) and text == text.strip() else plain(text)


class _Told(dict[str, str]):
    """The words a sentence asks for: of the details, and `target`; `_code` after a name sets it as code."""

    def __init__(self, event: Event) -> None:
        super().__init__()
        self._values: Mapping[str, object] = {**event.details, "target": event.target}

    def __missing__(self, name: str) -> str:
        bare = name.removesuffix("_code")
        if bare not in self._values:
            return "?"
        value = self._values[bare]
        return code(value) if bare != name and value else plain("none" if value is None else value)


def _grouped(events: Sequence[Event], key: Callable[[Event], str]) -> list[tuple[str, list[Event]]]:
    """Groups in the order in which each first appears."""
    found: dict[str, list[Event]] = {}
    for event in events:
        found.setdefault(key(event), []).append(event)
    return list(found.items())


def _task_of(event: Event) -> str:
    named = event.details.get("task_id")
    if isinstance(named, str) and _TASK.fullmatch(named):
        return named
    bare = event.target.removeprefix("task:")
    return bare if _TASK.fullmatch(bare) else ""


def _titles(events: Sequence[Event]) -> dict[str, str]:
    """Of each task, the newest title an event of Kyros' own speaks of."""
    found = {}
    for event in events:
        title = event.details.get("title")
        if isinstance(title, str) and event.details.get(REPORTED) is not True:
            found[_task_of(event)] = title
    return found


def _heading(task_id: str, title: str) -> str:
    if not task_id:
        return "### Without a task"
    return f"### {task_id}: {plain(title)}" if title else f"### {task_id}"


def _facts(details: Mapping[str, object]) -> str:
    told = [(name, value) for name, value in details.items() if name != REPORTED]
    if not told:
        return ""
    words = [f"{code(name)} {plain(value)}" for name, value in told[:_FACTS]]
    return ": " + ", ".join(words) + (f", and {len(told) - _FACTS} more" if len(told) > _FACTS else "")


def _minute(ts: str) -> str:
    return ts[:16].replace("T", " ")


def _text(value: object, levels: int = 2) -> str:
    if isinstance(value, list | tuple | Mapping) and not levels:
        return "…"
    if isinstance(value, list | tuple):
        return ", ".join(_text(one, levels - 1) for one in value[:_FACTS])
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_text(one, levels - 1)}" for name, one in list(value.items())[:_FACTS])
    return str(value)[: 4 * _LONGEST]


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
