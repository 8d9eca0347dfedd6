"""What a vendor's events say for the transcript: messages, tool calls with their results, diffs."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from kyros.drivers.adapters.bounds import TITLE_SIGNS, bounded, clean
from kyros.drivers.adapters.messages import Event, items, mapping, text_of
from kyros.drivers.adapters.patches import patch_of
from kyros.drivers.model import Entry, EntryKind

Tell = Callable[[Event | str | None], Iterable[Entry]]
"""Of one turn: a JSON event or a line that is none; None is the end of the stream."""

_WRITES = frozenset({"Write", "write_file", "write"})
_EDITS = frozenset({"Edit", "replace", "edit"})


def claude() -> Tell:
    """Claude Code's, and Qwen Code's."""

    def tell(event: Event | str | None) -> Iterator[Entry]:
        for part in _parts(event):
            match part.get("type"):
                case "text":
                    yield from _said(EntryKind.MESSAGE, part.get("text"))
                case "thinking":
                    yield from _said(EntryKind.THOUGHT, part.get("thinking"))
                case "tool_use":
                    name, given = text_of(part.get("name")), mapping(part.get("input"))
                    yield from _called(text_of(part.get("id")), name, given)
                case "tool_result":
                    text = _text_within(part.get("content"))
                    failed = {"is_error": True} if part.get("is_error") else {}
                    yield Entry(EntryKind.TOOL_RESULT, text, text_of(part.get("tool_use_id")), failed)

    return tell


def codex() -> Tell:
    def tell(event: Event | str | None) -> Iterator[Entry]:
        item = mapping(mapping(event).get("item"))
        kind, id_ = item.get("type"), text_of(item.get("id"))
        if mapping(event).get("type") == "item.started":
            yield from _codex_started(kind, id_, item)
        elif mapping(event).get("type") == "item.completed":
            yield from _codex_completed(kind, id_, item)

    return tell


def _codex_started(kind: object, id_: str, item: Event) -> Iterator[Entry]:
    if kind == "command_execution":
        yield from _called(id_, "command_execution", {"command": item.get("command")})
    elif kind == "mcp_tool_call":
        given = {"server": item.get("server"), "arguments": item.get("arguments")}
        yield from _called(id_, text_of(item.get("tool")), given)


def _codex_completed(kind: object, id_: str, item: Event) -> Iterator[Entry]:
    match kind:
        case "agent_message":
            yield from _said(EntryKind.MESSAGE, item.get("text"))
        case "reasoning":
            yield from _said(EntryKind.THOUGHT, item.get("text"))
        case "command_execution":
            facts = {name: item[name] for name in ("exit_code", "status") if name in item}
            yield Entry(EntryKind.TOOL_RESULT, text_of(item.get("aggregated_output")), id_, facts)
        case "mcp_tool_call":
            text = _text_within(mapping(item.get("result")).get("content"))
            error = text_of(mapping(item.get("error")).get("message"))
            yield Entry(EntryKind.TOOL_RESULT, text or error, id_, {"status": item.get("status")})
        case "file_change":
            for change in items(item.get("changes")):
                path = text_of(change.get("path"))
                yield Entry(EntryKind.DIFF, path, id_, {"path": path, "change": change.get("kind")})
        case "web_search":
            yield from _called(id_, "web_search", {"query": item.get("query")})
        case "todo_list":
            steps = items(item.get("items"))
            marks = (f"[{'x' if one.get('completed') else ' '}] {text_of(one.get('text'))}" for one in steps)
            yield Entry(EntryKind.PLAN, "\n".join(marks), id_)


def gemini() -> Tell:
    """Its messages come in pieces that are joined."""
    pieces: list[str] = []

    def tell(event: Event | str | None) -> Iterator[Entry]:
        one = mapping(event)
        kind, id_ = one.get("type"), text_of(one.get("tool_id"))
        if kind == "message" and one.get("role") == "assistant":
            pieces.append(text_of(one.get("content")))
            return
        if not isinstance(event, str):
            yield from _said(EntryKind.MESSAGE, "".join(pieces))
            pieces.clear()
        if kind == "tool_use":
            yield from _called(id_, text_of(one.get("tool_name")), mapping(one.get("parameters")))
        elif kind == "tool_result":
            text = text_of(one.get("output")) or text_of(mapping(one.get("error")).get("message"))
            yield Entry(EntryKind.TOOL_RESULT, text, id_, {"status": one.get("status")})

    return tell


def opencode() -> Tell:
    def tell(event: Event | str | None) -> Iterator[Entry]:
        kind, part = mapping(event).get("type"), mapping(mapping(event).get("part"))
        if kind == "text":
            yield from _said(EntryKind.MESSAGE, part.get("text"))
        elif kind == "reasoning":
            yield from _said(EntryKind.THOUGHT, part.get("text"))
        elif kind == "tool_use":
            state, id_ = mapping(part.get("state")), text_of(part.get("callID"))
            yield from _called(id_, text_of(part.get("tool")), mapping(state.get("input")))
            text = text_of(state.get("output")) or text_of(state.get("error"))
            yield Entry(EntryKind.TOOL_RESULT, text, id_, {"status": state.get("status")})

    return tell


def goose() -> Tell:
    def tell(event: Event | str | None) -> Iterator[Entry]:
        message = mapping(mapping(event).get("message"))
        for part in items(message.get("content")):
            id_ = text_of(part.get("id"))
            match part.get("type"):
                case "text" if message.get("role") == "assistant":
                    yield from _said(EntryKind.MESSAGE, part.get("text"))
                case "thinking":
                    yield from _said(EntryKind.THOUGHT, part.get("thinking"))
                case "toolRequest":
                    call = mapping(mapping(part.get("toolCall")).get("value"))
                    yield from _called(id_, text_of(call.get("name")), mapping(call.get("arguments")))
                case "toolResponse":
                    result = mapping(part.get("toolResult"))
                    text = _text_within(mapping(result.get("value")).get("content") or result.get("value"))
                    error = text_of(result.get("error"))
                    yield Entry(EntryKind.TOOL_RESULT, text or error, id_, {"status": result.get("status")})

    return tell


def aider() -> Tell:
    """Plain lines: what stands before its figures is one message, files it has edited are diffs without a
    patch."""
    lines: list[str] = []

    def tell(event: Event | str | None) -> Iterator[Entry]:
        line = event if isinstance(event, str) else ""
        if event is None or line.startswith("Tokens: "):
            yield from _said(EntryKind.MESSAGE, "\n".join(lines))
            lines.clear()
        elif path := line.partition("Applied edit to ")[2].strip():
            yield Entry(EntryKind.DIFF, path, "", {"path": path})
        elif line:
            lines.append(line.rstrip())

    return tell


def _parts(event: Event | str | None) -> list[Event]:
    one = mapping(event)
    if one.get("type") not in ("assistant", "user"):
        return []
    content = mapping(one.get("message")).get("content")
    return [{"type": "text", "text": content}] if isinstance(content, str) else items(content)


def _said(kind: EntryKind, text: object) -> Iterator[Entry]:
    if said := text_of(text).strip():
        yield Entry(kind, said)


def _called(id_: str, name: str, given: Mapping[str, object]) -> Iterator[Entry]:
    """The call, and the change it asks for where its input shows one."""
    subject = next((text for text in given.values() if isinstance(text, str) and text), "")
    first = clean(next(iter(subject.splitlines()), ""), TITLE_SIGNS)
    called = {"name": name, "input": bounded(dict(given))}
    yield Entry(EntryKind.TOOL_CALL, f"{name} {first}".strip(), id_, called)
    path = next((p for key in ("file_path", "filePath", "path") if (p := text_of(given.get(key)))), "")
    if path and name in _WRITES:
        yield _changed(path, "", text_of(given.get("content")), id_)
    elif path and name in _EDITS:
        old = text_of(given.get("old_string")) or text_of(given.get("oldString"))
        new = text_of(given.get("new_string")) or text_of(given.get("newString"))
        yield _changed(path, old, new, id_)


def _changed(path: str, old: str, new: str, id_: str) -> Entry:
    """As asked for: the lines that go and those that come, not where they stand in the file."""
    return Entry(EntryKind.DIFF, path, id_, {"path": path, "patch": patch_of(path, old, new)})


def _text_within(content: object) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(text for part in items(content) if (text := text_of(part.get("text"))))
