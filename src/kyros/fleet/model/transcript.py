"""Lines of a transcript: what was said and done in the turns of a run, as JSON. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from kyros.drivers.model import Entry, EntryKind

TEXT_SIGNS = 64_000
LINE_BYTES = 512_000
CUT = "… (cut)"


@dataclass(frozen=True)
class Line:
    """`seq` counts from 1 within the run; `at` is RFC 3339."""

    seq: int
    at: str
    turn_id: str
    entry: Entry


def encode(line: Line) -> bytes:
    """One line without its end; long texts are cut, and details that are still too long are left out."""
    entry = line.entry
    value = {
        "seq": line.seq,
        "at": line.at,
        "turn_id": line.turn_id,
        "kind": entry.kind.value,
        "id": _cut(entry.id),
        "text": _cut(entry.text),
        "details": _cut(dict(entry.details)),
    }
    found = json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", "replace")
    if len(found) > LINE_BYTES:
        found = json.dumps(value | {"details": {"cut": True}}, ensure_ascii=False).encode("utf-8", "replace")
    return found


def decode(data: bytes) -> Line | None:
    """None for a line that a kill tore, or that is none of ours."""
    try:
        value = json.loads(data)
        entry = Entry(EntryKind(value["kind"]), value["text"], value["id"], value["details"])
        return Line(int(value["seq"]), value["at"], value["turn_id"], entry)
    except (ValueError, KeyError, TypeError):
        return None


def _cut(value: object) -> object:
    match value:
        case str() if len(value) > TEXT_SIGNS:
            return value[:TEXT_SIGNS] + CUT
        case Mapping():
            return {str(name): _cut(one) for name, one in value.items()}
        case list() | tuple():
            return [_cut(one) for one in value]
        case _:
            return value
