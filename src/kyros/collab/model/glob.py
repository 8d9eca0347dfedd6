"""Globs over paths, and whether two of them can match one path: decided exactly, by automata.

    *      any characters of one segment, none included      [abc] [a-z]   one of these characters
    **     alone in its segment: any segments, none included [!abc]        one of the others
    ?      one character of a segment                        {a,b*}        either, within one segment

A segment is a small automaton whose steps bear sets of characters; the segments of a glob are the steps of
another one, and two of these are walked side by side.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache

from kyros.collab.errors import ResourceInvalid
from kyros.collab.model.glob_meeting import Characters, Segment, automata_meet

ANY_SEGMENTS = "**"
WILD = frozenset("*?[]{}")
_LAST = 0x10FFFF
_MAX_BRACES = 8

_SLASH = ord("/")
_ANY: Characters = ((0, _SLASH - 1), (_SLASH + 1, _LAST))


def segments_of(glob: str) -> Sequence[str]:
    """The segments of a relative glob or path. A path without any wildcard stands for itself and all below.
    Raises ResourceInvalid."""
    parts = glob.split("/")
    for part in parts:
        if part in ("", ".", ".."):
            raise _invalid(glob, "write it relative to the project, without empty, `.` or `..` parts")
        if "\\" in part:
            raise _invalid(glob, "a backslash has no place in it; a wildcard is made plain by [*], [?], [[]")
        if part != ANY_SEGMENTS:
            automaton(part)
    return parts if is_wild(glob) else [*parts, ANY_SEGMENTS]


def is_wild(glob: str) -> bool:
    return not WILD.isdisjoint(glob)


def meet(left: Sequence[str], right: Sequence[str]) -> bool:
    """Whether some path is matched by both lists of segments."""
    rim, seen = [(0, 0)], {(0, 0)}
    while rim:
        i, j = rim.pop()
        if i == len(left) and j == len(right):
            return True
        for pair in _ways_on(left, right, i, j):
            if pair not in seen:
                seen.add(pair)
                rim.append(pair)
    return False


def _ways_on(left: Sequence[str], right: Sequence[str], i: int, j: int) -> Iterator[tuple[int, int]]:
    """Past a `**` for nothing, or over one segment that both sides match."""
    many_left = i < len(left) and left[i] == ANY_SEGMENTS
    many_right = j < len(right) and right[j] == ANY_SEGMENTS
    if many_left:
        yield i + 1, j
    if many_right:
        yield i, j + 1
    if i == len(left) or j == len(right) or (many_left and many_right):
        return
    if many_left or many_right or _segments_meet(left[i], right[j]):
        yield (i if many_left else i + 1), (j if many_right else j + 1)


def _segments_meet(left: str, right: str) -> bool:
    if not is_wild(left) and not is_wild(right):
        return left == right
    return _names_meet(*sorted((left, right)))


@lru_cache(maxsize=4_096)
def _names_meet(left: str, right: str) -> bool:
    return automata_meet(automaton(left), automaton(right))


@lru_cache(maxsize=4_096)
def automaton(pattern: str) -> Segment:
    """Raises ResourceInvalid for a pattern that cannot be read."""
    made = Segment()
    end, position = _read(made, pattern, 0, 0, depth=0)
    assert position == len(pattern), "only an open brace stops the reading early"
    made.frees[end].append(1)
    return made


def _read(made: Segment, pattern: str, position: int, state: int, depth: int) -> tuple[int, int]:
    """Read on from `state` up to the end, or within braces up to a comma or the closing one."""
    while position < len(pattern):
        character = pattern[position]
        if depth and character in ",}":
            break
        if character == "*":
            made.steps[state].append((_ANY, state))
            position += 1
        elif character == "{":
            state, position = _read_braces(made, pattern, position + 1, state, depth + 1)
        else:
            label, position = _read_one(pattern, position)
            made.steps[state].append((label, state := made.add()))
    return state, position


def _read_braces(made: Segment, pattern: str, position: int, state: int, depth: int) -> tuple[int, int]:
    if depth > _MAX_BRACES:
        raise _invalid(pattern, f"braces stand within each other at most {_MAX_BRACES} deep")
    after = made.add()
    while True:
        # Each choice begins in a state of its own: a `*` loops there, not where the others begin.
        made.frees[state].append(begin := made.add())
        end, position = _read(made, pattern, position, begin, depth)
        made.frees[end].append(after)
        if position == len(pattern):
            raise _invalid(pattern, "a { is never closed; braces stand within one part of the path")
        position += 1
        if pattern[position - 1] == "}":
            return after, position


def _read_one(pattern: str, position: int) -> tuple[Characters, int]:
    character = pattern[position]
    if character == "?":
        return _ANY, position + 1
    if character == "[":
        end = pattern.find("]", position + 1)
        if end < 0:
            raise _invalid(pattern, "a [ is never closed; [[] is a plain one")
        return _read_set(pattern, pattern[position + 1 : end]), end + 1
    return ((ord(character), ord(character)),), position + 1


def _read_set(pattern: str, text: str) -> Characters:
    """`abc`, `a-z` or either after a `!`; a `-` at either end is plain."""
    if text.startswith("^"):
        raise _invalid(pattern, "others than these is [!…]")
    body = text.removeprefix("!")
    if not body:
        raise _invalid(pattern, "[] names no character")
    ranges: list[tuple[int, int]] = []
    while body:
        first, rest = body[0], body[1:]
        if len(rest) >= 2 and rest[0] == "-":
            first, last, body = first, rest[1], rest[2:]
        else:
            last, body = first, rest
        if first > last:
            raise _invalid(pattern, f"{first}-{last} runs backwards")
        ranges.append((ord(first), ord(last)))
    return _without(_SLASH, _complement(ranges) if text.startswith("!") else _in_order(ranges))


def _in_order(ranges: Sequence[tuple[int, int]]) -> Characters:
    ordered: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if ordered and first <= ordered[-1][1] + 1:
            ordered[-1] = (ordered[-1][0], max(last, ordered[-1][1]))
        else:
            ordered.append((first, last))
    return tuple(ordered)


def _complement(ranges: Sequence[tuple[int, int]]) -> Characters:
    left, begin = [], 0
    for first, last in _in_order(ranges):
        if begin < first:
            left.append((begin, first - 1))
        begin = last + 1
    return (*left, (begin, _LAST)) if begin <= _LAST else tuple(left)


def _without(point: int, characters: Characters) -> Characters:
    """`!-z` has the slash in it: no name has."""
    left: list[tuple[int, int]] = []
    for first, last in characters:
        if first <= point <= last:
            left += [part for part in ((first, point - 1), (point + 1, last)) if part[0] <= part[1]]
        else:
            left.append((first, last))
    return tuple(left)


def _invalid(glob: str, what: str) -> ResourceInvalid:
    return ResourceInvalid(f"The path {glob!r} cannot be leased: {what}.")
