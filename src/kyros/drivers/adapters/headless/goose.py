"""goose's `run --output-format stream-json` events."""

from collections.abc import Iterator

from kyros.drivers.adapters.headless.record import Record
from kyros.drivers.adapters.messages import Event, items, mapping, shown, text_of, tool_line

_SUBJECTS = ("command", "path", "file_path")


def read(event: Event, record: Record) -> Iterator[str]:
    """`complete` carries a sum of input and output tokens only, so both stay unmeasured."""
    kind = event.get("type")
    if kind == "message":
        yield from _message(mapping(event.get("message")), record)
    elif kind == "error":
        record.failure = " ".join(text_of(event.get("error")).split()) or "it reported an error"
        yield f"✗ {record.failure}"
    elif kind == "complete":
        record.is_done = True


def _message(message: Event, record: Record) -> Iterator[str]:
    if message.get("role") != "assistant":
        return
    for part in items(message.get("content")):
        if part.get("type") == "text":
            yield from shown(text_of(part.get("text")))
        elif part.get("type") == "toolRequest":
            call = mapping(mapping(part.get("toolCall")).get("value"))
            name, arguments = text_of(call.get("name")), mapping(call.get("arguments"))
            record.tools[name] += 1
            subject = next((text_of(arguments[key]) for key in _SUBJECTS if text_of(arguments.get(key))), "")
            yield tool_line(name, subject)
