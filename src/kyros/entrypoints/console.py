"""The built console over HTTP: pages, assets, and the headers that keep a browser safe with them."""

import hashlib
import html
import re
from collections.abc import Mapping
from pathlib import Path

from anyio import to_thread
from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

STATIC = Path(__file__).parent / "static"

_NOT_PAGES = frozenset({"api", "mcp", "git", "healthz", "readyz", "metrics"})
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", re.ASCII)
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}
_PREBUILT = (("br", ".br"), ("gzip", ".gz"))
_SAFETY = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; "
        "img-src 'self' data:; font-src 'self' data:; worker-src 'self'; form-action 'none'; "
        "frame-ancestors 'none'; base-uri 'self'; object-src 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_ALWAYS_ASK = {"Cache-Control": "no-cache"}
_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
_BASE = re.compile(r'<base href="[^"]*"\s*/?>')
_NOT_BUILT = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="dark light">
<title>Kyros</title>
<style>body { font: 1rem/1.6 system-ui, sans-serif; max-width: 36rem; margin: 18vh auto }</style>
<h1>The console is not built</h1>
<p>This Kyros runs from a checkout. Build its console with <code>make console</code> (it needs Node 20),
then load this page anew; the server need not be restarted.</p>
<p>The command line and the API work without it: <code>kyros run list</code>, <code>/api/docs</code>.</p>
</html>
"""


def mount_console(app: FastAPI, folder: Path = STATIC) -> None:
    """Let the console in `folder` answer whatever no route of `app` does, wherever routes are added."""
    app.router.default = Console(folder, app.router.default)


class Console:
    """An ASGI app over the built files. What is not a page goes to `otherwise`, which says 404."""

    def __init__(self, folder: Path, otherwise: ASGIApp) -> None:
        self._folder = folder
        self._otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _is_program(scope):
            await self._otherwise(scope, receive, send)
            return
        if scope["method"] not in ("GET", "HEAD"):
            raise HTTPException(405, headers={"Allow": "GET, HEAD"})
        response = await to_thread.run_sync(self._answer, scope)
        response.headers.update(_SAFETY)
        await response(scope, receive, send)

    def _answer(self, scope: Scope) -> Response:
        path, headers = _path(scope), Headers(scope=scope)
        if path.startswith("/assets/"):
            return _asset(self._folder / "assets", path.removeprefix("/assets/"), headers)
        name = path.removeprefix("/")
        if _suffix(name) in _TYPES and "/" not in name:
            return _plain_file(self._folder, name, headers)
        return _index(self._folder / "index.html", scope.get("root_path", ""), headers)


def _path(scope: Scope) -> str:
    """Below the prefix a proxy may have put in front of us."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path.removeprefix(root) if path.startswith(f"{root}/") else path


def _is_program(scope: Scope) -> bool:
    """Paths that programs speak to: they must never be answered with a page."""
    return _path(scope).lstrip("/").split("/", 1)[0].lower() in _NOT_PAGES


def _suffix(name: str) -> str:
    return Path(name).suffix


def _existing(folder: Path, name: str) -> Path:
    """A file directly in `folder`; a plain name of a known type cannot lead out of it. Raises a 404."""
    path = folder / name
    if not _NAME.fullmatch(name) or _suffix(name) not in _TYPES or not path.is_file():
        raise HTTPException(404)
    return path


def _asset(folder: Path, name: str, headers: Headers) -> Response:
    """Named after its content, so it may be kept for ever; sent as compressed at build time."""
    path = _existing(folder, name)
    accepted = _accepted(headers.get("accept-encoding", ""))
    for encoding, suffix in _PREBUILT:
        prebuilt = path.with_name(path.name + suffix)
        if encoding in accepted and prebuilt.is_file():
            return _file(prebuilt, name, {**_FOR_EVER, "Content-Encoding": encoding})
    return _file(path, name, _FOR_EVER)


def _file(path: Path, name: str, headers: Mapping[str, str]) -> Response:
    return FileResponse(path, headers=dict(headers), media_type=_TYPES[_suffix(name)])


def _accepted(header: str) -> set[str]:
    """The encodings of an Accept-Encoding header, but for those refused with q=0."""
    accepted = set()
    for part in header.split(","):
        name, _, quality = part.partition(";")
        if quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000"):
            accepted.add(name.strip().lower())
    return accepted


def _plain_file(folder: Path, name: str, headers: Headers) -> Response:
    path = _existing(folder, name)
    return _unless_known(path.read_bytes(), _TYPES[_suffix(name)], headers)


def _index(path: Path, root_path: str, headers: Headers) -> Response:
    """The page behind every address, told where the console lives."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return HTMLResponse(_NOT_BUILT, 503, headers={"Cache-Control": "no-store"})
    base = f'<base href="{html.escape(root_path.rstrip("/"))}/" />'
    return _unless_known(
        _BASE.sub(lambda _: base, text, count=1).encode(), "text/html; charset=utf-8", headers
    )


def _unless_known(content: bytes, media_type: str, headers: Headers) -> Response:
    """The content with its ETag, or 304 to a browser that has it."""
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    known = {tag.strip().removeprefix("W/") for tag in headers.get("if-none-match", "").split(",")}
    fresh = {**_ALWAYS_ASK, "ETag": etag}
    if etag in known or "*" in known:
        return Response(status_code=304, headers=fresh)
    return Response(content, headers=fresh, media_type=media_type)
