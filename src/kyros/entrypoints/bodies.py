"""Requests to /api are plain addresses and strict JSON: checked here, once, before any route."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from json import JSONDecoder
from urllib.parse import unquote_to_bytes

import anyio.to_thread
import orjson
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kyros.kernel.errors import Invalid, KyrosError

DEEPEST = 64
"""How many objects and lists may lie inside one another."""

_SHORT_BYTES = 64 * 1024
WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})
_JSON = re.compile(r"application/(?:[a-z0-9!#$&^_.+-]+\+)?json[ \t]*(?:;.*)?", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# Backslashes pair up from the left, so an odd number of them makes \u0000 an escape.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_MANY_DIGITS = re.compile(rb"[0-9]{19}")
_LEAST, _MOST = -(2**63), 2**63 - 1


class AddressRefused(Invalid):
    """The path or the query holds control characters or is not UTF-8."""

    code = "address_refused"


class MediaTypeRefused(Invalid):
    """A body that is not JSON, says nothing of what it is, or is compressed."""

    code = "media_type_refused"


class MalformedJson(Invalid):
    """It cannot be read as JSON in UTF-8; facts: byte, where."""

    code = "malformed_json"


class JsonRefused(Invalid):
    """JSON, but what other programs would read differently, or nothing could keep; facts: problem, a word."""

    code = "json_refused"


def check_json(body: bytes) -> None:
    """Raise MalformedJson or JsonRefused unless the body is one JSON text without repeated names, U+0000,
    numbers beyond 64 bits and more than DEEPEST levels."""
    text = _decoded(body)
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _unreadable(text, error) from error
    if body.count(b"{") + body.count(b"[") > DEEPEST:
        _check_depth(value)
    if _NUL.search(body):
        raise JsonRefused("The body holds U+0000 in a name or a text: leave it out.", problem="nul")
    (_EXACT if _MANY_DIGITS.search(body) else _UNIQUE).decode(text)


def check_address(scope: Scope) -> None:
    """Raise AddressRefused for control characters, or bytes that are no UTF-8, in path or query."""
    for part in (scope.get("raw_path") or scope["path"].encode(), scope["query_string"]):
        try:
            found = _CONTROL.search(unquote_to_bytes(part).decode())
        except UnicodeDecodeError as error:
            raise AddressRefused("The address is not UTF-8: encode it anew.") from error
        if found:
            raise AddressRefused(f"The address holds the control character {found[0]!a}: leave it out.")


class StrictBodies:
    """A pure ASGI middleware for /api: checks the address, reads a body once and whole, refuses what is not
    strict JSON, and hands the rest on. Whoever bounds the size of bodies stands before it."""

    def __init__(self, app: ASGIApp, answer: Callable[[KyrosError], Response]) -> None:
        self._app = app
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not f"{scope['path']}/".startswith("/api/"):
            await self._app(scope, receive, send)
            return
        try:
            check_address(scope)
            body = None if scope["method"] in WITHOUT_BODY else await _checked_body(scope, receive)
        except KyrosError as refusal:
            await self._answer(refusal)(scope, receive, send)
            return
        except ClientDisconnect:
            return
        await self._app(scope, receive if body is None else replayed(body, receive), send)


async def _checked_body(scope: Scope, receive: Receive) -> bytes:
    encodings = [one for one in _values(scope, b"content-encoding") if one.strip().lower() != "identity"]
    if encodings:
        raise MediaTypeRefused("The body is compressed: send it as it is, without Content-Encoding.")
    body = await whole(receive)
    if body:
        _check_media_type(_values(scope, b"content-type"))
        if len(body) > _SHORT_BYTES:
            await anyio.to_thread.run_sync(check_json, body)
        else:
            check_json(body)
    return body


async def whole(receive: Receive) -> bytes:
    """Raises ClientDisconnect when the rest never comes."""
    parts: list[bytes] = []
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def replayed(body: bytes, receive: Receive) -> Receive:
    """The body as one message, then whatever comes after it."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return waiting.pop() if waiting else await receive()

    return replayed


def _check_media_type(sent: Sequence[str]) -> None:
    if len(sent) == 1 and _JSON.fullmatch(sent[0].strip()):
        return
    said = f"says it is {sent[0][:100]!a}" if len(sent) == 1 else f"has {len(sent) or 'no'} Content-Type"
    raise MediaTypeRefused(f"The body {said}: send JSON, with `Content-Type: application/json`.")


def _decoded(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise MalformedJson(
            f"The body is not JSON: it is not UTF-8, at byte {error.start}.", byte=error.start
        ) from error


def _unreadable(text: str, error: orjson.JSONDecodeError) -> KyrosError:
    if error.msg.startswith("depth limit"):
        return _too_deep()
    byte = len(text[: error.pos].encode())
    return MalformedJson(f"The body is not JSON: {error.msg}, at byte {byte}.", byte=byte)


def _check_depth(value: object) -> None:
    level = [value]
    for _ in range(DEEPEST):
        inner: list[object] = []
        for one in level:
            if isinstance(one, dict):
                inner += one.values()
            elif isinstance(one, list):
                inner += one
        level = [one for one in inner if isinstance(one, dict | list)]
        if not level:
            return
    raise _too_deep()


def _too_deep() -> JsonRefused:
    return JsonRefused(f"The body is nested deeper than {DEEPEST} levels: flatten it.", problem="depth")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        raise JsonRefused(
            f"An object names {twice[:100]!r} more than once: send each name once.", problem="repeated_name"
        )
    return found


def _whole_number(text: str) -> int:
    if len(text) > 20 or not _LEAST <= (number := int(text)) <= _MOST:
        raise JsonRefused("A whole number does not fit into 64 bits: send a smaller one.", problem="number")
    return number


_UNIQUE = JSONDecoder(object_pairs_hook=_unique)
_EXACT = JSONDecoder(object_pairs_hook=_unique, parse_int=_whole_number)


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]
