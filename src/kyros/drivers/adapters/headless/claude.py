"""Claude Code's stream-json, and Qwen Code's, which follows it. Approvals travel on stdin."""

import posixpath
from collections.abc import Iterator, Sequence

from kyros.drivers.adapters.bounds import SUBJECT_SIGNS, TITLE_SIGNS, clean, word
from kyros.drivers.adapters.headless.record import Record
from kyros.drivers.adapters.messages import (
    Event,
    items,
    mapping,
    money,
    output_lines,
    shown,
    text_of,
    tool_line,
    whole,
    without_cached,
)
from kyros.drivers.model import ActionKind, ApprovalRequest, Decision

_PATHS = ("file_path", "notebook_path", "path")
_SUBJECTS = ("command", *_PATHS, "pattern", "url", "query", "description")
_REFUSED = (401, 403)
_SEARCHERS = frozenset({"LS", "Glob", "Grep"})
_KINDS = {
    "Bash": ActionKind.COMMAND,
    **dict.fromkeys(("Write", "Edit", "MultiEdit", "NotebookEdit"), ActionKind.WRITE),
    **dict.fromkeys(("Read", "NotebookRead", "LS", "Glob", "Grep"), ActionKind.READ),
    **dict.fromkeys(("WebFetch", "WebSearch"), ActionKind.NETWORK),
}
_JUDGED = {
    ActionKind.COMMAND: ("command",),
    ActionKind.WRITE: _PATHS,
    ActionKind.READ: _PATHS,
    ActionKind.NETWORK: ("url", "query"),
    ActionKind.OTHER: _SUBJECTS,
}


def read(event: Event, record: Record) -> Iterator[str]:
    kind = event.get("type")
    if kind == "system" and event.get("subtype") == "init":
        record.model = text_of(event.get("model")) or None
    elif kind == "system" and event.get("subtype") == "api_retry":
        yield from _retry(event, record)
    elif kind == "assistant":
        yield from _assistant(mapping(event.get("message")), record)
    elif kind == "user":
        yield from _tool_results(mapping(event.get("message")))
    elif kind == "result":
        yield from _result(event, record)


def read_with_cached_input(event: Event, record: Record) -> Iterator[str]:
    """Qwen's: the same events, but its input count includes cached tokens."""
    yield from read(event, record)
    if event.get("type") == "result":
        record.input_tokens = without_cached(record.input_tokens, record.cache_read_tokens)


def _retry(event: Event, record: Record) -> Iterator[str]:
    """It would ask ten times with a key that was refused: once is enough."""
    status, error = whole(event.get("error_status")), text_of(event.get("error"))
    said = f"the model's provider answered {status or 'nothing'}: {error or 'no reason given'}"
    if status in _REFUSED:
        record.failure = said
        yield f"✗ {said}"
    else:
        yield from shown(f"! {said}; it tries again")


def _assistant(message: Event, record: Record) -> Iterator[str]:
    for part in _parts(message):
        if part.get("type") == "text":
            yield from shown(text_of(part.get("text")))
        elif part.get("type") == "tool_use":
            name = text_of(part.get("name"))
            record.tools[name] += 1
            yield tool_line(name, _subject(mapping(part.get("input"))))


def _tool_results(message: Event) -> Iterator[str]:
    for part in _parts(message):
        if part.get("type") == "tool_result":
            content = part.get("content")
            text = content if isinstance(content, str) else "\n".join(
                text_of(piece.get("text")) for piece in _parts(part)
            )  # fmt: skip
            yield from output_lines(text)


def _parts(message: Event) -> list[Event]:
    content = message.get("content")
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return items(content)


def _result(event: Event, record: Record) -> Iterator[str]:
    """Figures of the whole turn; those of single messages are not to be added up."""
    usage = mapping(event.get("usage"))
    record.input_tokens = whole(usage.get("input_tokens"))
    record.output_tokens = whole(usage.get("output_tokens"))
    record.cache_read_tokens = whole(usage.get("cache_read_input_tokens"))
    record.cache_creation_tokens = whole(usage.get("cache_creation_input_tokens"))
    record.cost_usd = money(event.get("total_cost_usd"))
    if event.get("is_error") or event.get("subtype") != "success":
        record.failure = _reason(event)
        yield f"✗ {record.failure}"
    else:
        record.is_done = True


def _reason(event: Event) -> str:
    said = text_of(event.get("result")) or "; ".join(
        error for error in map(text_of, _listed(event.get("errors"))) if error
    )
    return " ".join(said.split()) or f"it ended with {event.get('subtype')}"


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _subject(tool_input: Event, keys: Sequence[str] = _SUBJECTS) -> str:
    return next((text_of(tool_input[key]) for key in keys if text_of(tool_input.get(key))), "")


def opening(prompt: str) -> Event:
    """The message that begins the turn."""
    return {
        "type": "user",
        "session_id": "",
        "parent_tool_use_id": None,
        "message": {"role": "user", "content": [{"type": "text", "text": prompt}]},
    }


def request_of(event: Event) -> ApprovalRequest | None:
    """The approval an event asks for, if it asks for one."""
    request = mapping(event.get("request"))
    if event.get("type") != "control_request" or request.get("subtype") != "can_use_tool":
        return None
    name, given = word(request.get("tool_name")), mapping(request.get("input"))
    kind = _KINDS.get(name, ActionKind.OTHER)
    subject = _searched(name, given) if name in _SEARCHERS else _subject(given, _JUDGED[kind])
    if not subject or clean(subject, SUBJECT_SIGNS) != subject:  # nothing, or more than anybody can judge
        kind, subject = ActionKind.OTHER, clean(subject, TITLE_SIGNS)
    return ApprovalRequest(kind, subject, f"{name} {subject}".strip(), name)


def _searched(name: str, given: Event) -> str:
    """Where it would look: a glob may lead anywhere, a regular expression nowhere."""
    folder = text_of(given.get("path"))
    return posixpath.join(folder, text_of(given.get("pattern"))) if name == "Glob" else folder or "."


def answer_to(event: Event, decision: Decision) -> Event:
    tool_input = mapping(mapping(event.get("request")).get("input"))
    why = decision.note or f"Denied by {decision.rule}."
    verdict: Event = (
        {"behavior": "allow", "updatedInput": tool_input}
        if decision.allow
        else {"behavior": "deny", "message": f"{why} Go on without it."}
    )
    return {
        "type": "control_response",
        "response": {"subtype": "success", "request_id": event.get("request_id"), "response": verdict},
    }
