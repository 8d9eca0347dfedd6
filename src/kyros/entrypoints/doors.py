"""Plain routes, straight to their function.

FastAPI describes every route; its walk through routers, dependencies and exit stacks costs several times what
such a route does (docs/PERFORMANCE.md). A route is plain when its function takes a body, headers, parts of
the path, the request, and dependencies that take only these, and returns a finished Response. Whatever is
unusual about a request, above all a value that is refused, is left to FastAPI, with nothing done yet.
"""

import inspect
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, get_args, get_origin

from fastapi import FastAPI
from fastapi.params import Depends, Header, Path
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from pydantic import BaseModel, TypeAdapter
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from kyros.entrypoints.bodies import WITHOUT_BODY, replayed, whole


class Unusual(Exception):
    """Not to be answered here."""


@dataclass(frozen=True, slots=True)
class Given:
    """A request, as far as a plain route may ask of it."""

    request: Request
    headers: Mapping[bytes, bytes]
    path: Mapping[str, str]
    body: bytes


Take = Callable[[Given], Awaitable[Any]]
"""Finds one argument. Raises Unusual or ValueError."""


@dataclass(frozen=True)
class Door:
    """A function and how each of its arguments is found."""

    function: Callable[..., Awaitable[Any]]
    takes: Sequence[tuple[str, Take]]

    async def arguments(self, given: Given) -> dict[str, Any]:
        return {name: await take(given) for name, take in self.takes}


@dataclass
class _Turn:
    """A place in the tree of paths: where the next part leads, and the doors that are here, by method: None
    for a route that is not plain."""

    by_part: dict[str, "_Turn"] = field(default_factory=dict)
    by_any: "_Turn | None" = None
    doors: dict[str, tuple[Door, Sequence[str]] | None] = field(default_factory=dict)


class Doors:
    """An ASGI app in front of FastAPI's router, which gets what is not plain. Whoever checks bodies and hands
    them on whole stands before it, whoever answers errors as well."""

    def __init__(self, routes: Iterable[RouteContext], otherwise: ASGIApp) -> None:
        self._otherwise = otherwise
        self._tree = _Turn()
        for route in routes:
            self._add(route)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self.find(scope["method"], scope["path"]) if _is_plain(scope) else None
        if found is None:
            await self._otherwise(scope, receive, send)
            return
        door, path = found
        body = b"" if scope["method"] in WITHOUT_BODY else await whole(receive)
        try:
            request = Request(scope, replayed(body, receive))
            arguments = await door.arguments(Given(request, _headers(scope), path, body))
        except (Unusual, ValueError):  # what pydantic refuses is a ValueError as well
            await self._otherwise(scope, replayed(body, receive), send)
            return
        response = await door.function(**arguments)
        await response(scope, receive, send)

    def find(self, method: str, path: str) -> tuple[Door, Mapping[str, str]] | None:
        """The plain route for it, and what the path gives its names."""
        turn, values = self._tree, list[str]()
        for part in path.split("/")[1:]:
            below = turn.by_part.get(part)
            if below is None:
                below = turn.by_any
                values.append(part)
            if below is None or not part:
                return None
            turn = below
        found = turn.doors.get(method)
        return None if found is None else (found[0], dict(zip(found[1], values, strict=True)))

    def _add(self, route: RouteContext) -> None:
        """Of two routes for one path the first counts, as with FastAPI."""
        turn, names = self._tree, list[str]()
        for part in (route.path or "").split("/")[1:]:
            if part.startswith("{"):
                names.append(part[1:-1])
                turn.by_any = turn.by_any or _Turn()
                turn = turn.by_any
            else:
                turn = turn.by_part.setdefault(part, _Turn())
        door = door_of(route, names)
        for method in route.methods or ():
            turn.doors.setdefault(method, None if door is None else (door, names))


def open_doors(app: FastAPI) -> Doors:
    """Call the plain routes that `app` has by now straight."""
    doors = Doors(iter_route_contexts(app.routes), app.router.middleware_stack)
    app.router.middleware_stack = doors
    return doors


def door_of(route: RouteContext, names: Sequence[str]) -> Door | None:
    """`names` are those in its path. None for a route that is not plain."""
    function = route.endpoint
    if not isinstance(route.original_route, APIRoute) or function is None or route.dependencies:
        return None
    returned = inspect.signature(function, eval_str=True).return_annotation
    if not (isinstance(returned, type) and issubclass(returned, Response)):
        return None
    try:
        return Door(function, _takes(function, names, bodies=1))
    except Unusual:
        return None


def _takes(function: Callable[..., Any], names: Sequence[str], bodies: int) -> Sequence[tuple[str, Take]]:
    """It may take so many bodies. Raises Unusual for what FastAPI does in ways of its own."""
    if not inspect.iscoroutinefunction(function) or not all(name.isidentifier() for name in names):
        raise Unusual
    declared = inspect.signature(function, eval_str=True).parameters.values()
    if sum(_is_body(one) for one in declared) > bodies:
        raise Unusual
    return [(one.name, _take(one, names)) for one in declared]


def _take(declared: inspect.Parameter, names: Sequence[str]) -> Take:
    """Raises Unusual."""
    kind = declared.annotation
    extras = get_args(kind)[1:] if get_origin(kind) is Annotated else ()
    for extra in extras:
        if isinstance(extra, Depends):
            return _depended(extra, names)
        if isinstance(extra, Header):
            return _header(declared, extra)
    if declared.default is not inspect.Parameter.empty:
        raise Unusual
    if declared.name in names and all(isinstance(one, Path) and one.alias is None for one in extras):
        return _part(declared.name, kind)
    if not isinstance(kind, type):
        raise Unusual
    if issubclass(kind, HTTPConnection):
        return _request
    if issubclass(kind, BaseModel):
        return _body(kind)
    raise Unusual


def _is_body(declared: inspect.Parameter) -> bool:
    return isinstance(declared.annotation, type) and issubclass(declared.annotation, BaseModel)


def _depended(on: Depends, names: Sequence[str]) -> Take:
    """It may be asked more than once for a request: dependencies only read."""
    function = on.dependency
    if function is None:
        raise Unusual
    door = Door(function, _takes(function, names, bodies=0))

    async def take(given: Given) -> Any:
        return await door.function(**await door.arguments(given))

    return take


def _header(declared: inspect.Parameter, header: Header) -> Take:
    name = (header.alias or declared.name.replace("_", "-")).lower().encode()
    default = declared.default
    has_one_name = header.convert_underscores and header.validation_alias in (None, header.alias)
    if not has_one_name or header.validate_default or not isinstance(default, str | int | None):
        raise Unusual
    check = TypeAdapter(declared.annotation).validate_python

    async def take(given: Given) -> Any:
        sent = given.headers.get(name)
        return default if sent is None else check(sent.decode("latin-1"))

    return take


def _part(name: str, kind: Any) -> Take:
    check = TypeAdapter(kind).validate_python

    async def take(given: Given) -> Any:
        return check(given.path[name])

    return take


def _body(model: type[BaseModel]) -> Take:
    check = TypeAdapter(model).validate_python

    async def take(given: Given) -> Any:
        if not given.body:
            raise Unusual
        return check(json.loads(given.body))

    return take


async def _request(given: Given) -> Request:
    return given.request


def _is_plain(scope: Scope) -> bool:
    """Nothing stands between path and route, and nobody watches FastAPI at work."""
    return scope["type"] == "http" and not scope.get("root_path") and not scope.get("fastapi.telemetry")


def _headers(scope: Scope) -> Mapping[bytes, bytes]:
    """Raises Unusual for one that was sent twice."""
    found = dict(scope["headers"])
    if len(found) < len(scope["headers"]):
        raise Unusual
    return found
