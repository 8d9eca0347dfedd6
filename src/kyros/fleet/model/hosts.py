"""Hosts that a request names, and those that no agent may ever reach. Pure."""

import ipaddress
import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

_METADATA_NAMES = frozenset({"metadata.google.internal", "metadata.goog"})
_METADATA_WORDS = frozenset({"metadata", "instance-data"})
_NEVER = tuple(
    ipaddress.ip_network(net)
    for net in ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "100.100.100.200/32", "192.0.0.192/32")
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_BETWEEN = re.compile(r"[\s'\"=@,;|&()<>`/?#\\]+")
_ADDRESSED = re.compile(r"//(?:[^\s/@'\"]*@)?(?:metadata|instance-data)(?![\w.-])", re.IGNORECASE)
_PORT = re.compile(r":\d*$")


def host_of(subject: str) -> str:
    """The host of an address: `https://user@HOST:1/x`, `HOST:1` or `HOST`; small letters, no brackets."""
    text = subject.strip()
    try:
        found = urlsplit(text if "//" in text else f"//{text}").hostname
    except ValueError:
        return ""
    return (found or "").rstrip(".")


def names_metadata(text: str) -> bool:
    """Whether any word of it is a cloud's metadata service or a link-local address, however written. A short
    name of one is an ordinary word, too: it counts as the host of an address alone."""
    return _ADDRESSED.search(text) is not None or any(map(_is_never, _words(text)))


def is_metadata(host: str) -> bool:
    return host.lower().rstrip(".") in _METADATA_WORDS or _is_never(host)


def _is_never(host: str) -> bool:
    return host.lower().rstrip(".") in _METADATA_NAMES or any(
        address in net for address in _addresses(host) for net in _NEVER if address.version == net.version
    )


def _words(text: str) -> Iterator[str]:
    for word in _BETWEEN.split(text):
        yield word
        yield _PORT.sub("", word).strip("[]")


def _addresses(host: str) -> Iterator[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """Plain, or as decimal, octal or hexadecimal numbers; with those that an IPv6 address carries."""
    with suppress(OSError, ValueError):
        yield ipaddress.IPv4Address(socket.inet_aton(host))
    try:
        address = ipaddress.IPv6Address(host.partition("%")[0])
    except ValueError:
        return
    yield address
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    if address in _NAT64:
        yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
