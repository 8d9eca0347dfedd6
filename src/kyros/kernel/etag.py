"""Strong entity tags: a monotonic version and a hash of the canonical JSON."""

from collections.abc import Mapping
from hashlib import blake2b

import orjson

from kyros.kernel.errors import Invalid, Stale

_SIZE = 8
_WEAK = "W/"


class StaleTag(Stale):
    """It was changed since you read it; facts: etag, the current one."""

    code = "stale_etag"


class PreconditionRequired(Invalid):
    """A change must say which version it was made on."""

    code = "precondition_required"


def digest_of(value: Mapping[str, object]) -> int:
    """A 64-bit hash of the canonical JSON; those of many items are summed to the hash of them all."""
    canonical = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return int.from_bytes(blake2b(canonical, digest_size=_SIZE).digest(), "big")


def etag_of(version: int, digest: int) -> str:
    """Quoted, as it stands in the header: `"7-0f3a…"`."""
    return f'"{version}-{digest % 2 ** (8 * _SIZE):0{2 * _SIZE}x}"'


def tags_in(header: str) -> list[str]:
    """The tags of an If-Match or If-None-Match header, quotes and `W/` kept; `*` is one of them."""
    return [tag.strip() for tag in header.split(",") if tag.strip()]


def matches_strongly(header: str, *current: str) -> bool:
    """For If-Match: a weak tag never matches; `*` matches whatever is there."""
    return any(tag == "*" or tag in current for tag in tags_in(header))


def matches_weakly(header: str, current: str) -> bool:
    """For If-None-Match: `W/` makes no difference."""
    return any(tag == "*" or tag.removeprefix(_WEAK) == current for tag in tags_in(header))


def unmarked(header: str) -> str:
    """The header with each marked tag, `"7-0f3a….9c1e…"`, also as it reads without its mark."""
    plain = [f'{tag.partition(".")[0]}"' for tag in tags_in(header) if "." in tag]
    return ",".join([header, *plain])


def required(header: str | None) -> str:
    """The If-Match header. Raises PreconditionRequired when there is none."""
    if header is None or not header.strip():
        raise PreconditionRequired(
            "Say which version you change: send its etag, from the answer you read it in, as If-Match."
        )
    return header


def require_match(header: str, *current: str) -> None:
    """Raise StaleTag unless the If-Match header names one of the current tags; the first is told."""
    if not matches_strongly(header, *current):
        raise StaleTag(
            "It has changed since you read it: read it again, redo your change on what it is now, and send "
            "the new etag as If-Match.",
            etag=current[0],
        )
