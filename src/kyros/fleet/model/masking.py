"""Values that were lent to an agent in confidence are not to be read anywhere: they are masked. Pure."""

import re
from collections.abc import Collection, Mapping, Sequence

MASK = "•••"
_SHORTEST = 8
_TELLING = re.compile(r"secret|token|key|passw(or)?d|credential", re.IGNORECASE)
_PLACE = re.compile(r"_(FILE|PATH|DIR|URL|URI)$", re.IGNORECASE)
_PATHLIKE = re.compile(r"[/~.]|[a-z][a-z0-9+.-]*://[^@]*$", re.IGNORECASE)
_SHOWN_EARLY = 3


def confidential(env: Mapping[str, str], lent: Collection[str]) -> Sequence[str]:
    """Values worth masking, longest first, of at least 8 signs: those of variables whose own name tells,
    whatever they look like; and those that a profile lends by name (`lent`) or whose name tells of a place
    (`KEY_FILE`), unless they are a path or an address without a password."""

    def is_worth_it(name: str, value: str) -> bool:
        tells = _TELLING.search(name) is not None
        if tells and not _PLACE.search(name):
            return True
        return (tells or name in lent) and not _PATHLIKE.match(value)

    found = {value for name, value in env.items() if len(value) >= _SHORTEST and is_worth_it(name, value)}
    return sorted(found, key=lambda value: (-len(value), value))


class Mask:
    """Hides values in whole texts."""

    def __init__(self, values: Collection[str] = ()) -> None:
        longest_first = sorted(values, key=lambda value: -len(value))
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if values else None

    def text(self, text: str) -> str:
        return text if self._pattern is None else self._pattern.sub(MASK, text)

    def within(self, value: object) -> object:
        """The same for every text in a JSON value, names included."""
        match value:
            case str():
                return self.text(value)
            case Mapping():
                return {self.text(str(name)): self.within(one) for name, one in value.items()}
            case list() | tuple():
                return [self.within(one) for one in value]
            case _:
                return value


class StreamMask:
    """Hides values in bytes that come in pieces cut anywhere. What may be the beginning of a value is held
    back until more is known; `release` lets go of so little of it that nothing is given away."""

    def __init__(self, values: Collection[str] = ()) -> None:
        self._values = sorted((value.encode() for value in values), key=lambda value: -len(value))
        self._pattern = re.compile(b"|".join(map(re.escape, self._values))) if values else None
        self._held = b""
        self._shown = 0  # bytes at the head of what is held that were released already

    @property
    def holds_back(self) -> bool:
        return bool(self._held)

    def feed(self, data: bytes) -> bytes:
        """What may be shown by now."""
        if self._pattern is None:
            return data
        text, shown, at, out = self._held + data, self._shown, 0, bytearray()
        for match in self._pattern.finditer(text):
            if self._may_go_on(text[match.start() :]):
                break  # it may be the beginning of a longer value
            out += text[max(at, shown) : match.start()] + MASK.encode()
            at = match.end()
        held = self._beginning(text, at)
        out += text[max(at, shown) : held]
        self._held, self._shown = text[held:], max(shown - held, 0)
        return bytes(out)

    def release(self) -> bytes:
        """A few bytes that wait for nothing but the next piece: a prompt's last letter, say. The match goes
        on behind them."""
        if len(self._held) > _SHOWN_EARLY:
            return b""
        out, self._shown = self._held[self._shown :], len(self._held)
        return out

    def end(self) -> bytes:
        """The rest: a value that was cut off in the middle is masked as far as it came."""
        held, self._held = self._held, b""
        shown, self._shown = self._shown, 0
        return held[shown:] if len(held) <= _SHOWN_EARLY else MASK.encode()

    def _may_go_on(self, end: bytes) -> bool:
        return any(len(value) > len(end) and value.startswith(end) for value in self._values)

    def _beginning(self, text: bytes, at: int) -> int:
        """Where the longest end of `text` begins that a value begins with."""
        for start in range(max(at, len(text) - len(self._values[0]) + 1), len(text)):
            if self._may_go_on(text[start:]):
                return start
        return len(text)
