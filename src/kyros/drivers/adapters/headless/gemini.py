"""Gemini CLI's stream-json events."""

from collections.abc import Iterator

from kyros.drivers.adapters.headless.record import Record
from kyros.drivers.adapters.messages import (
    Event,
    mapping,
    output_lines,
    shown,
    text_of,
    tool_line,
    whole,
    without_cached,
)

_SUBJECTS = ("command", "file_path", "path", "pattern", "query", "url")


def read(event: Event, record: Record) -> Iterator[str]:
    kind = event.get("type")
    if kind == "message" and event.get("role") == "assistant":
        yield from record.join(text_of(event.get("content")))
        return
    yield from record.flush()
    if kind == "init":
        record.model = text_of(event.get("model")) or None
    elif kind == "tool_use":
        name, parameters = text_of(event.get("tool_name")), mapping(event.get("parameters"))
        record.tools[name] += 1
        subject = next((text_of(parameters[key]) for key in _SUBJECTS if text_of(parameters.get(key))), "")
        yield tool_line(name, subject)
    elif kind == "tool_result":
        yield from output_lines(text_of(event.get("output")))
    elif kind == "error":
        yield from shown(f"! {text_of(event.get('message'))}")
    elif kind == "result":
        yield from _result(event, record)


def _result(event: Event, record: Record) -> Iterator[str]:
    stats = mapping(event.get("stats"))
    cached, given = whole(stats.get("cached")), whole(stats.get("input_tokens"))
    record.input_tokens = without_cached(given, cached)
    record.output_tokens = _with_thought(stats, given)
    record.cache_read_tokens = cached
    record.model = _busiest(mapping(stats.get("models"))) or record.model
    if event.get("status") == "success":
        record.is_done = True
        return
    record.failure = (
        text_of(mapping(event.get("error")).get("message")) or f"it ended with {event.get('status')}"
    )
    yield f"✗ {record.failure}"


def _with_thought(stats: Event, given: int | None) -> int | None:
    """Its thinking stands in the total alone; the vendor bills it as output."""
    said, total = whole(stats.get("output_tokens")), whole(stats.get("total_tokens"))
    if said is None or total is None or given is None:
        return said
    return max(said, total - given)


def _busiest(models: Event) -> str | None:
    """The model that took the most tokens; side calls use smaller ones."""
    return max(models, key=lambda name: whole(mapping(models[name]).get("total_tokens")) or 0, default=None)
