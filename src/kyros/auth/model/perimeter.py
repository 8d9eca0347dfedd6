"""Which requests may come near: hosts, origins and public paths. Pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from kyros.auth.errors import AllowListInvalid, HostRefused, HostUnclear, OriginRefused


@dataclass(frozen=True)
class Origin:
    """Scheme, host in lower case (IPv6 in brackets) and port, the default one spelled out."""

    scheme: str
    host: str
    port: int


_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]{1,5}))?", re.ASCII)
_ORIGIN = re.compile(r"(https?)://(.+)", re.ASCII)
_LONGEST_HOST = 300  # a name has at most 253 signs; strangers fill the memory of those read
_PORTS = {"http": 80, "https": 443}
_LOCAL = ("localhost", "127.0.0.1", "[::1]")
_GUARDED = frozenset({"api", "mcp", "git", "readyz", "metrics"})
_SIGN_IN = frozenset({"/api/auth/login", "/api/auth/refresh", "/api/auth/logout"})
_UNUSUAL = re.compile(r"[%\\\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Perimeter:
    """The names this server answers to and the origins it listens to, beside its own."""

    hosts: frozenset[str]
    origins: frozenset[Origin]

    def check_host(self, sent: Sequence[str]) -> Origin:
        """The Host header as an http origin. Raises HostUnclear, HostRefused."""
        if len(sent) != 1:
            raise HostUnclear(f"The request must name one Host, not {len(sent)}.")
        asked = read_host("http", sent[0])
        if asked is None or asked.host not in self.hosts:
            raise HostRefused(
                f"This server does not answer to the name {sent[0][:100]!r}: "
                "if it is yours, add it to KYROS_ALLOWED_HOSTS.",
                host=sent[0][:100],
            )
        return asked

    def check_origin(self, scheme: str, host: str, sent: Iterable[str]) -> None:
        """Raises OriginRefused unless each Origin header is this server's own or allowed."""
        own = read_host(scheme, host)
        for text in sent:
            origin = read_origin(text)
            if origin is None or (origin != own and origin not in self.origins):
                raise OriginRefused(
                    f"Requests from {text[:100]!r} are not accepted: "
                    "if that page is yours, add it to KYROS_ALLOWED_ORIGINS.",
                    origin=text[:100],
                )


def perimeter(bind: str, hosts: Iterable[str], origins: Iterable[str]) -> Perimeter:
    """This machine's own names, the bind address, and the settings' lists. Raises AllowListInvalid."""
    return Perimeter(
        frozenset({*_LOCAL, *(_allowed_host(host) for host in (bind, *hosts))}),
        frozenset(_allowed_origin(origin) for origin in origins),
    )


def read_host(scheme: str, text: str) -> Origin | None:
    """What a Host header names under `scheme`; None when it is no host."""
    return None if len(text) > _LONGEST_HOST else _read_host(scheme, text)


@lru_cache(maxsize=1_000)
def _read_host(scheme: str, text: str) -> Origin | None:
    match = _HOST.fullmatch(text.lower())
    if match is None:
        return None
    return Origin(scheme, match[1], int(match[2]) if match[2] else _PORTS[scheme])


def read_origin(text: str) -> Origin | None:
    """An Origin header or setting, `https://name[:port]`; None for anything else, `null` included."""
    match = _ORIGIN.fullmatch(text.lower())
    return read_host(match[1], match[2]) if match else None


def is_public(method: str, path: str) -> bool:
    """Whether anybody may ask: `/healthz` and the console's own files, read only.

    `path` is decoded once, as the router sees it. Unusual spelling is never public.
    """
    empty, *segments = path.split("/")
    plain = (
        not empty
        and all(segments[:-1])
        and not {".", ".."}.intersection(segments)
        and not _UNUSUAL.search(path)
    )
    return plain and method in ("GET", "HEAD") and bool(segments) and segments[0].lower() not in _GUARDED


def is_sign_in(method: str, path: str) -> bool:
    """Whether this is how one comes in, goes on or goes away: it brings a secret of its own."""
    return method == "POST" and path in _SIGN_IN


def _allowed_host(text: str) -> str:
    bare = f"[{text}]" if ":" in text and not text.startswith("[") else text
    read = read_host("http", bare)
    if read is None:
        raise AllowListInvalid(
            f"KYROS_ALLOWED_HOSTS and KYROS_HOST take names or addresses without port, not {text!r}."
        )
    return read.host


def _allowed_origin(text: str) -> Origin:
    read = read_origin(text)
    if read is None:
        raise AllowListInvalid(f"KYROS_ALLOWED_ORIGINS takes https://name or http://name:port, not {text!r}.")
    return read
