"""Where a request comes from, as far as one party can be told from another."""

from ipaddress import IPv6Address, IPv6Network, ip_address

from starlette.types import Scope


def address_of(scope: Scope) -> str:
    """The client's address; of IPv6 the network of 64 bits, for a household has all of it."""
    host = str((scope.get("client") or ("unknown",))[0])
    try:
        address = ip_address(host)
    except ValueError:
        return host[:100]
    if not isinstance(address, IPv6Address):
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Network((address, 64), strict=False))
