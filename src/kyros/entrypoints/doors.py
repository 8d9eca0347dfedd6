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
from fastapi.params import Depends, Header
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from kyros.entrypoints.bodies import WITHOUT_BODY, replayed, whole


class Unusual(Exception):
    """Not to be answered here."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, as far as a plain route may ask of it."""

    request: Request
    headers: Mapping[bytes, bytes]
    path: Mapping[str, str]
    body: bytes


Take = Callable[[Asked], Awaitable[Any]]
"""Finds one argument. Raises Unusual or ValidationError."""


@dataclass(frozen=True)
class Door:
    """A function and how each of its arguments is found."""

    function: Callable[..., Awaitable[Any]]
    takes: Sequence[tuple[str, Take]]

    async def arguments(self, asked: Asked) -> dict[str, Any]:
        return {name: await take(asked) for name, take in self.takes}


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
            arguments = await door.arguments(Asked(request, _headers(scope), path, body))
        except (Unusual, ValidationError):
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
    if not isinstance(route.original_route, APIRoute) or function is None:
        return None
    returned = inspect.signature(function, eval_str=True).return_annotation
    if not (isinstance(returned, type) and issubclass(returned, Response)):
        return None
    try:
        return Door(function, _takes(function, names))
    except Unusual:
        return None


def _takes(function: Callable[..., Any], names: Sequence[str]) -> Sequence[tuple[str, Take]]:
    """Raises Unusual."""
    if not inspect.iscoroutinefunction(function):
        raise Unusual
    declared = inspect.signature(function, eval_str=True).parameters.values()
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
    if declared.name in names:
        return _part(declared)
    if extras or not isinstance(kind, type):
        raise Unusual
    if issubclass(kind, HTTPConnection):
        return _request
    if issubclass(kind, BaseModel) and declared.default is inspect.Parameter.empty:
        return _body(kind)
    raise Unusual


def _depended(on: Depends, names: Sequence[str]) -> Take:
    if on.dependency is None:
        raise Unusual
    door = Door(on.dependency, _takes(on.dependency, names))

    async def take(asked: Asked) -> Any:
        return await door.function(**await door.arguments(asked))

    return take


def _header(declared: inspect.Parameter, header: Header) -> Take:
    name = (header.alias or declared.name.replace("_", "-")).lower().encode()
    check = TypeAdapter(declared.annotation).validate_python
    default = declared.default

    async def take(asked: Asked) -> Any:
        sent = asked.headers.get(name)
        if sent is not None:
            return check(sent.decode("latin-1"))
        if default is inspect.Parameter.empty:
            raise Unusual
        return default

    return take


def _part(declared: inspect.Parameter) -> Take:
    name, check = declared.name, TypeAdapter(declared.annotation).validate_python

    async def take(asked: Asked) -> Any:
        return check(asked.path[name])

    return take


def _body(model: type[BaseModel]) -> Take:
    check = TypeAdapter(model).validate_python

    async def take(asked: Asked) -> Any:
        if not asked.body:
            raise Unusual
        return check(json.loads(asked.body))

    return take


async def _request(asked: Asked) -> Request:
    return asked.request


def _is_plain(scope: Scope) -> bool:
    """Nothing stands between path and route, and nobody watches FastAPI at work."""
    return scope["type"] == "http" and not scope.get("root_path") and not scope.get("fastapi.telemetry")


def _headers(scope: Scope) -> Mapping[bytes, bytes]:
    """Raises Unusual for one that was sent twice."""
    found = dict(scope["headers"])
    if len(found) < len(scope["headers"]):
        raise Unusual
    return found
