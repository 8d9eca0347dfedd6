"""How errors read over HTTP: RFC 9457 problems, each kind of error mapped once for every door."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import Response

from kyros.auth.errors import BodyTooLarge, HostRefused, HostUnclear, TooManyRequests, Unauthenticated
from kyros.entrypoints.bodies import AddressRefused, MalformedJson, MediaTypeRefused
from kyros.infra.telemetry import get_log
from kyros.kernel.errors import (
    Busy,
    Conflict,
    Denied,
    DiskFull,
    Invalid,
    KyrosError,
    NotFound,
    Stale,
    Upstream,
)
from kyros.kernel.etag import PreconditionRequired, StaleTag
from kyros.kernel.ids import new_id

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 2

STATUSES: Mapping[type[KyrosError], int] = {
    Unauthenticated: 401,
    TooManyRequests: 429,
    HostUnclear: 400,
    AddressRefused: 400,
    MalformedJson: 400,
    MediaTypeRefused: 415,
    HostRefused: 421,
    BodyTooLarge: 413,
    PreconditionRequired: 428,
    DiskFull: 507,
    NotFound: 404,
    Conflict: 409,
    Stale: 412,
    Invalid: 422,
    Denied: 403,
    Busy: 503,
    Upstream: 502,
}
_CODES = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}
_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "is not a known field",
    "string_too_short": "is too short (at least {min_length})",
    "string_too_long": "is too long (at most {max_length} characters)",
    "too_long": "has too many entries (at most {max_length})",
    "string_type": "must be text",
    "string_pattern_mismatch": "must match {pattern}",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "too_short": "has too few entries (at least {min_length})",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "enum": "must be one of {expected}",
}


class Problem(BaseModel):
    """What every refusal looks like; more members carry its facts."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    code: str


DOCUMENTED: dict[int | str, dict[str, Any]] = {
    "default": {"description": "A refusal, as application/problem+json.", "model": Problem}
}
"""For FastAPI(responses=…): the answer every route may give instead of its own."""


def install(app: FastAPI) -> None:
    """Turn whatever a route raises into a problem."""
    app.add_exception_handler(KyrosError, _from_kyros)
    app.add_exception_handler(RequestValidationError, _from_validation)
    app.add_exception_handler(HTTPException, _from_http)
    app.add_exception_handler(Exception, _from_defect)
    _describe(app)


def answer(error: KyrosError) -> Response:
    """The problem of one of our own errors."""
    status = status_of(error)
    headers = {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, StaleTag):
        headers["ETag"] = str(error.facts["etag"])
    if status in (429, 503):
        headers["Retry-After"] = str(error.facts.get("retry_after_seconds", RETRY_AFTER_SECONDS))
    return problem(status, error.code, error.message, error.facts, headers)


def status_of(error: KyrosError) -> int:
    """By the nearest kind in the error's ancestry; 500 for none."""
    return next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), 500)


def problem(
    status: int,
    code: str,
    detail: str,
    facts: Mapping[str, object] = {},
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem response; facts never replace the standard members."""
    members = {
        **facts,
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
    }
    return Response(json.dumps(members, default=str), status, headers, MEDIA_TYPE)


def _describe(app: FastAPI) -> None:
    """The document names the media type of refusals; the framework takes that of the route's own answer."""
    made = app.openapi

    def described() -> dict[str, Any]:
        document = made()
        for calls in document["paths"].values():
            for call in calls.values():
                if refusal := call["responses"].get("default"):
                    refusal["content"] = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        return document

    app.openapi = described  # type: ignore[method-assign]  # the framework's documented way to extend it


async def _from_kyros(request: HTTPConnection, error: Exception) -> Response:
    assert isinstance(error, KyrosError)
    request.state.refusal = error  # for the gate, which records who was refused what
    if status_of(error) >= 500:
        get_log(__name__).warning("request_failed", code=error.code, detail=error.message, **_place(request))
    return answer(error)


async def _from_http(request: HTTPConnection, error: Exception) -> Response:
    """What the framework refuses on its own: no such route, no such method, an unreadable body."""
    assert isinstance(error, HTTPException)
    status, headers = error.status_code, error.headers
    if status < 400:
        return Response(status_code=status, headers=headers)
    detail, path = str(error.detail), request.scope["path"]
    if detail == HTTPStatus(status).phrase:
        detail = {
            404: f"There is nothing at {path}.",
            405: f"{_method(request)} is not possible at {path}.",
        }.get(status, f"{detail}.")
    return problem(status, _CODES.get(status, f"http_{status}"), detail, headers=headers)


async def _from_validation(_: HTTPConnection, error: Exception) -> Response:
    """Names each field in plain words; what was sent is not repeated, it may be a secret."""
    assert isinstance(error, RequestValidationError)
    faults = error.errors()
    for fault in faults:
        if fault["type"] == "json_invalid":
            reason = str(fault.get("ctx", {}).get("error", "it cannot be read"))
            return problem(
                400, "malformed_json", f"The body is not JSON: {reason}, at byte {fault['loc'][-1]}."
            )
    fields = [{"field": _field(fault["loc"]), "message": _words(fault)} for fault in faults]
    detail = "; ".join(f"{fault['field']} {fault['message']}" for fault in fields)
    return problem(422, "invalid_request", f"{detail}.", {"errors": fields})


async def _from_defect(request: HTTPConnection, error: Exception) -> Response:
    """Our own fault: the log has the trace, the answer the id to find it by."""
    request_id = new_id("req")
    get_log(__name__).error("request_crashed", request_id=request_id, exc_info=error, **_place(request))
    detail = f"Kyros failed on this request; its log has the cause under {request_id}."
    return problem(500, "internal", detail, {"request_id": request_id})


def _place(request: HTTPConnection) -> dict[str, str]:
    return {"method": _method(request), "path": request.scope["path"]}


def _method(request: HTTPConnection) -> str:
    return str(request.scope.get("method", "WEBSOCKET"))


def _field(location: Sequence[str | int]) -> str:
    """("body", "criteria", 3) -> criteria[3]; the part of the request alone when it is all there is."""
    first, *rest = location
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in rest)
    return path.removeprefix(".") or str(first)


def _words(fault: Mapping[str, Any]) -> str:
    words = _WORDS.get(fault["type"])
    return words.format(**fault.get("ctx", {})) if words else str(fault["msg"])
