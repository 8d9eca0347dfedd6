"""opencode's `run --format json` events. Figures come per step and are added up."""

from collections.abc import Iterator

from kyros.drivers.adapters.headless.record import Record
from kyros.drivers.adapters.messages import (
    Event,
    mapping,
    money,
    output_lines,
    shown,
    text_of,
    tool_line,
    whole,
)

_SUBJECTS = ("command", "filePath", "path", "pattern", "url")


def read(event: Event, record: Record) -> Iterator[str]:
    kind, part = event.get("type"), mapping(event.get("part"))
    if kind == "text":
        yield from shown(text_of(part.get("text")))
    elif kind == "tool_use":
        yield from _tool(part, record)
    elif kind == "step_finish":
        _figures(part, record)
        reason = text_of(part.get("reason"))
        if reason == "stop":
            record.is_done = True
        elif reason not in ("tool-calls", "unknown", ""):
            record.failure = f"the model stopped for the reason {reason}"
    elif kind == "error":
        record.failure = _error(mapping(event.get("error")))
        yield f"✗ {record.failure}"


def _tool(part: Event, record: Record) -> Iterator[str]:
    state = mapping(part.get("state"))
    name, tool_input = text_of(part.get("tool")), mapping(state.get("input"))
    record.tools[name] += 1
    yield tool_line(name, next((text_of(tool_input[k]) for k in _SUBJECTS if text_of(tool_input.get(k))), ""))
    yield from output_lines(text_of(state.get("output")) or text_of(state.get("error")))


def _figures(part: Event, record: Record) -> None:
    tokens = mapping(part.get("tokens"))
    cache = mapping(tokens.get("cache"))
    record.add(
        input_tokens=whole(tokens.get("input")),
        output_tokens=_with_thought(whole(tokens.get("output")), whole(tokens.get("reasoning"))),
        cache_read_tokens=whole(cache.get("read")),
        cache_creation_tokens=whole(cache.get("write")),
        cost_usd=money(part.get("cost")) or None,  # 0: no price known
    )


def _with_thought(said: int | None, thought: int | None) -> int | None:
    """It counts its thinking apart; the vendor bills both."""
    return None if said is None else said + (thought or 0)


def _error(error: Event) -> str:
    said = text_of(mapping(error.get("data")).get("message")) or text_of(error.get("message"))
    return " ".join(said.split()) or text_of(error.get("name")) or "it reported an error"
