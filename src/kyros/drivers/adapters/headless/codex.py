"""Codex's `exec --json` events."""

from collections.abc import Iterator

from kyros.drivers.adapters.headless.record import Record
from kyros.drivers.adapters.messages import (
    Event,
    items,
    mapping,
    output_lines,
    shown,
    text_of,
    tool_line,
    whole,
    without_cached,
)


def read(event: Event, record: Record) -> Iterator[str]:
    kind = event.get("type")
    item = mapping(event.get("item"))
    if kind == "item.started":
        yield from _started(item, record)
    elif kind == "item.completed":
        yield from _completed(item, record)
    elif kind == "turn.completed":
        _figures(mapping(event.get("usage")), record)
        record.is_done = True
    elif kind == "turn.failed":
        record.failure = text_of(mapping(event.get("error")).get("message")) or "the turn failed"
        yield f"✗ {record.failure}"
    elif kind == "error":
        yield from shown(f"! {text_of(event.get('message'))}")  # it may still try again: not the end


def _started(item: Event, record: Record) -> Iterator[str]:
    if item.get("type") == "command_execution":
        record.tools["command_execution"] += 1
        yield tool_line("Run", text_of(item.get("command")))


def _completed(item: Event, record: Record) -> Iterator[str]:
    kind = item.get("type")
    if kind == "agent_message":
        yield from shown(text_of(item.get("text")))
    elif kind == "command_execution":
        yield from output_lines(text_of(item.get("aggregated_output")))
    elif kind == "file_change":
        record.tools["file_change"] += 1
        for change in items(item.get("changes")):
            yield tool_line("Edit", text_of(change.get("path")))
    elif kind == "mcp_tool_call":
        record.tools[text_of(item.get("tool"))] += 1
        yield tool_line(text_of(item.get("tool")), text_of(item.get("server")))
    elif kind == "error":
        yield from shown(f"! {text_of(item.get('message'))}")


def _figures(usage: Event, record: Record) -> None:
    cached = whole(usage.get("cached_input_tokens"))
    record.add(
        input_tokens=without_cached(whole(usage.get("input_tokens")), cached),
        output_tokens=whole(usage.get("output_tokens")),
        cache_read_tokens=cached,
        cache_creation_tokens=whole(usage.get("cache_write_input_tokens")),
    )
