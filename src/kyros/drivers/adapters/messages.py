"""What a program's JSON messages hold, whatever protocol they are of: nothing in them is to be trusted."""

from collections.abc import Iterator, Mapping
from typing import Any

Event = Mapping[str, Any]

_SHOWN_LINES = 20
_SHOWN_SIGNS = 20_000


def whole(value: object) -> int | None:
    """A count as vendors write it, of a size that counts have, or None."""
    amount = _amount(value, 2**31)
    return None if amount is None else int(amount)


def money(value: object) -> float | None:
    """A cost in US dollars, of a size that costs have, or None."""
    amount = _amount(value, 1e9)
    return None if amount is None else float(amount)


def _amount(value: object, limit: float) -> float | None:
    """NaN is in no range."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < limit:
        return None
    return value


def without_cached(total: int | None, cached: int | None) -> int | None:
    """The uncached share of an input count that includes cached tokens."""
    return None if total is None else max(total - (cached or 0), 0)


def mapping(value: object) -> Event:
    """The value if it is an object, else an empty one: streams are not to be trusted."""
    return value if isinstance(value, Mapping) else {}


def items(value: object) -> list[Event]:
    """The objects of a list; what is none becomes an empty one."""
    return [mapping(entry) for entry in value] if isinstance(value, list) else []


def text_of(value: object) -> str:
    return value if isinstance(value, str) else ""


def shown(text: str) -> Iterator[str]:
    """Lines for a person, without control characters."""
    for line in text[:_SHOWN_SIGNS].splitlines():
        yield "".join(sign for sign in line.expandtabs(4) if sign.isprintable())


def tool_line(name: str, subject: str) -> str:
    first = next(shown(subject), "")
    return f"● {name}  {first}".rstrip()


def output_lines(text: str) -> list[str]:
    """The first lines of what a tool printed, indented."""
    lines = [f"  │ {line}" for line in shown(text)]
    hidden = len(lines) - _SHOWN_LINES
    return lines if hidden <= 0 else [*lines[:_SHOWN_LINES], f"  │ … {hidden} more lines"]
