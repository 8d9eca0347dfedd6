"""A state file as text: how one is written, item by item, and how one is read again, strictly."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import orjson

from kyros.collab.errors import StateFileRefused
from kyros.collab.model import NAMED_BY, HandEdit, HandItem, Kind, Revision
from kyros.collab.model.registry import PRESENCE
from kyros.kernel.etag import digest_of, etag_of

T = TypeVar("T")

LARGEST_BYTES = 64 * 1024 * 1024
"""Larger files are not taken from a person's hand."""

_TAG = re.compile(r"(?:[0-9]{1,19}-)?([0-9a-f]{16})")
_MARGIN = b"\n    "
_ODD = re.compile(r"[\x00\ud800-\udfff]")


def fragment(kind: Kind, document: Mapping[str, object]) -> bytes:
    """One item as it stands in its file, its `etag` line last."""
    text = orjson.dumps({**document, "etag": tag_of(kind, document)}, option=orjson.OPT_INDENT_2)
    return b"    " + text.replace(b"\n", _MARGIN)


def sheet(kind: Kind, revision: Revision, fragments: Sequence[bytes]) -> bytes:
    """The whole file. Text changes only where items do, the two lines on top aside."""
    top = f'{{\n  "revision": {revision.number},\n  "etag": "{_bare(revision.etag)}",\n  "{kind.value}": ['
    head, end = top.encode(), b"]\n}\n"
    if not fragments:
        return head + end
    first, *others = fragments
    pieces = [head + b"\n" + first, *others]
    pieces[-1] += b"\n  " + end
    return b",\n".join(pieces)  # once: a megabyte copied twice costs as much as syncing it


def tag_of(kind: Kind, document: Mapping[str, object]) -> str:
    """What tells an edited item from one of ours: the ETag of a task, and of what people set of an agent,
    for its presence changes by the minute; the digest of a lease."""
    if kind is Kind.LOCKS:
        return f"{digest_of(document):016x}"
    if kind is Kind.AGENTS:
        document = {name: value for name, value in document.items() if name not in PRESENCE}
    version = document.get("version")
    return _bare(etag_of(version if isinstance(version, int) else 0, digest_of(document)))


def read_sheet(kind: Kind, raw: bytes) -> HandEdit:
    """What somebody made of the file. Raises StateFileRefused naming what cannot be read."""
    value = _parsed(raw)
    _check_shape(kind, value)
    items = [_item(kind, number, one) for number, one in enumerate(value[kind.value], 1)]
    names = _names(kind, items)
    changed = [one for one in items if one.tag is None or one.tag != tag_of(kind, one.fields)]
    return HandEdit(kind, value["revision"], names, changed, _is_complete(kind, value["etag"], items))


def sums(kind: Kind, raw: bytes) -> tuple[int, int]:
    """How many items a file of ours has, and the sum of their digests as `Revision.fold` is."""
    items = [{**one} for one in orjson.loads(raw)[kind.value]]
    for one in items:
        del one["etag"]
    return len(items), sum(digest_of(one) for one in items) % 2**64


def _bare(etag: str) -> str:
    return etag.strip('"')


def _parsed(raw: bytes) -> Any:
    if len(raw) > LARGEST_BYTES:
        raise StateFileRefused(f"it is larger than {LARGEST_BYTES // 1024 // 1024} MB")
    try:
        return json.loads(
            raw.decode("utf-8-sig"),
            object_pairs_hook=_object,
            parse_constant=_no_constant,
            parse_float=_float,
        )
    except UnicodeDecodeError as error:
        raise StateFileRefused(f"it is not UTF-8, at byte {error.start}") from error
    except RecursionError as error:
        raise StateFileRefused("it is nested too deeply") from error
    except ValueError as error:
        raise StateFileRefused(f"it is not JSON: {error}") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        doubled = next(name for name in names if names.count(name) > 1)
        raise StateFileRefused(f"it has {doubled!r} twice in one object")
    for text in _texts(pairs):
        if _ODD.search(text):
            raise StateFileRefused("it holds a NUL or half a character (a lone surrogate)")
    return found


def _texts(pairs: Iterable[tuple[str, Any]]) -> Iterable[str]:
    for name, value in pairs:
        yield name
        for one in value if isinstance(value, list) else (value,):
            if isinstance(one, str):
                yield one


def _no_constant(name: str) -> Any:
    raise StateFileRefused(f"it holds {name}, which is no JSON")


def _float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise StateFileRefused(f"the number {text[:40]} is too large")
    return value


def _check_shape(kind: Kind, value: Any) -> None:
    wanted = {"revision", "etag", kind.value}
    if not isinstance(value, dict) or value.keys() != wanted:
        raise StateFileRefused(f"it must be an object of exactly revision, etag and {kind.value}")
    if type(value["revision"]) is not int or not _is_tag(value["etag"]):
        raise StateFileRefused("revision and etag on top are Kyros' own: leave them as they are")
    if not isinstance(value[kind.value], list):
        raise StateFileRefused(f"{kind.value} must be a list")


def _is_tag(value: object) -> bool:
    return isinstance(value, str) and _TAG.fullmatch(value) is not None


def _item(kind: Kind, number: int, value: Any) -> HandItem:
    if not isinstance(value, dict):
        raise StateFileRefused(f"item {number} of {kind.value} is not an object")
    fields = dict(value)
    tag = fields.pop("etag", None)
    name = fields.get(NAMED_BY[kind], f"item {number}")
    if tag is not None and not _is_tag(tag):
        raise StateFileRefused(f"the etag of {name} is Kyros' own: leave it as it is")
    _within_numbers(lambda: digest_of(fields), str(name))
    return HandItem(fields, tag)


def _within_numbers(work: Callable[[], T], name: str) -> T:
    try:
        return work()
    except TypeError as error:  # orjson: an integer of more than 64 bits
        raise StateFileRefused(f"{name} holds a number that is too large") from error


def _names(kind: Kind, items: Sequence[HandItem]) -> frozenset[str]:
    key = NAMED_BY[kind]
    names: set[str] = set()
    for item in items:
        name = item.fields.get(key)
        if name is None and kind is Kind.TASKS:
            continue
        if not isinstance(name, str):
            raise StateFileRefused(f"each item of {kind.value} needs {key!r}, a text")
        if name in names:
            raise StateFileRefused(f"{name} is there twice")
        names.add(name)
    return frozenset(names)


def _is_complete(kind: Kind, head: str, items: Sequence[HandItem]) -> bool:
    """The digests Kyros wrote, edited items or not, still add up to the one on top. Of agents the file has
    no such sum: theirs are compared by name."""
    if kind is Kind.AGENTS:
        return True
    kept = [item.tag for item in items if item.tag is not None and NAMED_BY[kind] in item.fields]
    return sum(_digest(tag) for tag in kept) % 2**64 == _digest(head)


def _digest(tag: str) -> int:
    found = _TAG.fullmatch(tag)
    assert found is not None, "tags are checked when they are read"
    return int(found[1], 16)
