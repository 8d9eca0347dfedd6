"""Tool calls as a program tells of them: announced, updated, asked leave for, ended; in any order."""

import json
import os
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kyros.drivers.adapters.bounds import SUBJECT_SIGNS, TITLE_SIGNS, bounded, clean, word
from kyros.drivers.adapters.messages import Event, items, mapping, text_of
from kyros.drivers.adapters.patches import patch_of
from kyros.drivers.model import ActionKind, Entry, EntryKind

ENDS = frozenset({"completed", "failed"})

_PATH_KEYS = (
    "file_path", "filePath", "filepath", "path", "abs_path", "notebook_path", "file", "source", "destination",
)  # fmt: skip
_PATHS = 200
_RESULT_SIGNS = 50_000


Deed = tuple[ActionKind, str]
"""What may be done: a kind, and the command line or the path, links followed."""


@dataclass(frozen=True)
class Diff:
    """The text of a file before and after, or of a part of it."""

    old: str
    new: str

    def __len__(self) -> int:
        return len(self.old) + len(self.new)


@dataclass
class Call:
    """What is known of one by now. `command` and `url` are empty where the program did not say them;
    `paths` are as it wrote them. `is_too_much`: more than anybody can judge. `granted` is what was judged
    and allowed, which need not be what it says later."""

    id: str
    name: str = ""
    title: str = ""
    kind: str = ""
    status: str = ""
    input: object = None
    command: str = ""
    url: str = ""
    query: str = ""
    paths: list[str] = field(default_factory=list)
    diffs: dict[str, Diff] = field(default_factory=dict)
    result: str = ""
    is_too_much: bool = False
    is_told: bool = False
    granted: set[Deed] = field(default_factory=set)

    @property
    def has_ended(self) -> bool:
        return self.status in ENDS

    @property
    def is_bare(self) -> bool:
        """Announced before its input was known."""
        is_about = self.command if self.kind == "execute" else self.input or self.paths or self.diffs
        return self.status == "pending" and not is_about

    @property
    def tool(self) -> str:
        return self.name or self.kind or "other"

    def merge(self, update: Event) -> None:
        """What comes last holds."""
        self.name = word(update.get("name")) or _named_in(update.get("_meta")) or self.name
        self.title = word(update.get("title"), TITLE_SIGNS) or self.title
        self.kind = word(update.get("kind")) or self.kind
        self.status = word(update.get("status")) or self.status
        self._merge_input(update.get("rawInput"))
        for location in items(update.get("locations")):
            self._add_path(location.get("path"))
        for item in items(update.get("content")):
            if item.get("type") == "diff":
                self._add_diff(item)

    def take_result(self, update: Event) -> None:
        """What it has brought by now. A list of contents replaces the one before, an empty one too."""
        content, raw = update.get("content"), update.get("rawOutput")
        said = [text_of(mapping(item.get("content")).get("text")) for item in items(content)]
        delta = mapping(mapping(update.get("_meta")).get("terminal_output_delta"))
        text = "\n".join(filter(None, said)) or _output(raw)
        if delta and not text:
            self.result = (self.result + clean(text_of(delta.get("data"))))[:_RESULT_SIGNS]
        elif text or isinstance(content, list):
            self.result = clean(text, _RESULT_SIGNS)

    def subject(self) -> str:
        """What it is about, for a person."""
        return self.command or (self.paths[0] if self.paths else "") or self.url or self.query or self.title

    def _merge_input(self, raw: object) -> None:
        if raw in (None, "", {}, []):
            return
        self.input = bounded(raw)
        held = mapping(raw)
        command = _command(held)
        self.is_too_much |= len(command) > SUBJECT_SIGNS
        self.command = clean(command, SUBJECT_SIGNS) or self.command
        self.url = word(held.get("url"), SUBJECT_SIGNS) or self.url
        self.query = word(held.get("pattern")) or word(held.get("query")) or self.query
        for key in _PATH_KEYS:
            self._add_path(held.get(key))
        changes = held.get("changes")
        for path in changes if isinstance(changes, dict) else ():
            self._add_path(path)

    def _add_diff(self, item: Event) -> None:
        """Some show the whole file when they ask, and a few words of it when they are done: keep the more."""
        path = clean(text_of(item.get("path")), SUBJECT_SIGNS)
        diff = Diff(text_of(item.get("oldText")), text_of(item.get("newText")))
        self._add_path(path)
        known = self.diffs.get(path)
        if path in self.paths and (known is None or len(diff) > len(known)):
            self.diffs[path] = diff

    def _add_path(self, path: object) -> None:
        if not isinstance(path, str) or not path or (shown := clean(path, SUBJECT_SIGNS)) in self.paths:
            return
        self.is_too_much |= len(self.paths) == _PATHS or len(path) > SUBJECT_SIGNS
        if len(self.paths) < _PATHS:
            self.paths.append(shown)


def told(call: Call) -> Entry:
    """That it was called, with what."""
    details: dict[str, object] = {"name": call.tool, "kind": call.kind, "title": call.title}
    if call.input is not None:
        details["input"] = call.input
    if call.paths:
        details["paths"] = call.paths[:20]
    return Entry(EntryKind.TOOL_CALL, clean(call.subject(), TITLE_SIGNS), call.id, details)


def ended(call: Call, cwd: Path) -> Iterator[Entry]:
    """What it brought, and what it changed if it was carried out."""
    yield Entry(EntryKind.TOOL_RESULT, call.result, call.id, {"name": call.tool, "status": call.status})
    if call.status != "completed":
        return
    for path, diff in call.diffs.items():
        shown = within(path, cwd)
        yield Entry(
            EntryKind.DIFF, shown, call.id, {"path": shown, "patch": patch_of(shown, diff.old, diff.new)}
        )


def within(path: str, cwd: Path) -> str:
    """The path from the worktree on, where it lies in it as written."""
    whole = os.path.normpath(cwd / path) if "\0" not in path else path
    return os.path.relpath(whole, cwd) if whole.startswith(f"{cwd}{os.sep}") else path


def _named_in(meta: object) -> str:
    """Vendors hang the tool's name into a box of their own."""
    for box in mapping(meta).values():
        name = mapping(box).get("toolName") or mapping(box).get("tool_name")
        if isinstance(name, str) and name:
            return word(name)
    return ""


def _command(raw: Mapping[str, object]) -> str:
    """The command line that would run, or nothing."""
    command, args = raw.get("command") or raw.get("cmd"), raw.get("args")
    parts = [command] if isinstance(command, str) else command
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        return ""
    if isinstance(args, list) and args and all(isinstance(arg, str) for arg in args):
        parts = [*parts, *args]
    return parts[0] if isinstance(command, str) and len(parts) == 1 else shlex.join(parts)


def _output(raw: object) -> str:
    if isinstance(raw, str):
        return raw
    held = mapping(raw)
    text = text_of(held.get("output")) or text_of(held.get("stdout")) or text_of(held.get("formatted_output"))
    if text or not raw:
        return text
    parts = [text_of(part.get("text")) for part in items(raw)] if isinstance(raw, list) else []
    return "\n".join(filter(None, parts)) or json.dumps(bounded(raw), ensure_ascii=False)
