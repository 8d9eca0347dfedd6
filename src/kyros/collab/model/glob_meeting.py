"""Whether two automata have a name in common, walked with whole sets of states at a time.

A set of states is a whole number, bit by bit: the states of one automaton are looked at once each, in the
order of their steps, together with the set of all states that the other may be in by then. So the work is
about the sum of their lengths, whatever stands in them: leases are compared while nobody else may write.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property

Characters = tuple[tuple[int, int], ...]
"""Ranges of code points, in order and apart from each other. No slash is ever among them."""


class Segment:
    """An automaton for the names of one segment. `steps[state]` are the labelled ways on, a loop among them
    perhaps but one other at most; `frees[state]` are those that take no character. It begins in state 0 and
    ends in state 1. Complete it before it is asked."""

    def __init__(self) -> None:
        self.steps: list[list[tuple[Characters, int]]] = [[], []]
        self.frees: list[list[int]] = [[], []]

    def add(self) -> int:
        self.steps.append([])
        self.frees.append([])
        return len(self.steps) - 1

    @cached_property
    def order(self) -> Sequence[int]:
        """All states, each before those it leads to."""
        found: dict[int, None] = {}
        for first in range(len(self.steps)):
            way = [(first, self._next(first))]
            while way:
                state, further = way[-1]
                after = None if state in found else next((one for one in further if one not in found), None)
                if after is None:
                    found[way.pop()[0]] = None
                else:
                    way.append((after, self._next(after)))
        return list(reversed(found))

    @cached_property
    def reach(self) -> Sequence[int]:
        """Of each state the set of it and of those that cost no character from there."""
        sets = [1 << state for state in range(len(self.steps))]
        for state in reversed(self.order):
            for free in self.frees[state]:
                sets[state] |= sets[free]
        return sets

    @cached_property
    def onward(self) -> Sequence[int]:
        """Of each state the set of those that some characters, one at least, lead to from there."""
        sets = [0] * len(self.steps)
        for state in reversed(self.order):
            for free in self.frees[state]:
                sets[state] |= sets[free]
            for label, to in self.steps[state]:
                sets[state] |= (self.reach[to] | sets[to]) if label else 0
        return sets

    @cached_property
    def loops(self) -> int:
        return _set(state for state, ways in enumerate(self.steps) if any(to == state for _, to in ways))

    @cached_property
    def _free(self) -> int:
        return _set(state for state, ways in enumerate(self.frees) if ways)

    @cached_property
    def _moves(self) -> Sequence[tuple[Characters, int, int]]:
        """Label, state and next state of every step that is no loop."""
        every = ((label, state, to) for state, ways in enumerate(self.steps) for label, to in ways)
        return [(label, state, to) for label, state, to in every if to != state]

    @cached_property
    def _chain(self) -> int:
        """The states whose step leads to the one numbered next: nearly all."""
        return _set(state for _, state, to in self._moves if to == state + 1)

    @cached_property
    def _jumps(self) -> Sequence[tuple[int, int]]:
        return [(state, to) for _, state, to in self._moves if to != state + 1]

    @cached_property
    def _plain(self) -> dict[int, int]:
        """The states with a step over this one character."""
        found: dict[int, int] = {}
        for label, state, _ in self._moves:
            if _is_plain(label):
                found[label[0][0]] = found.get(label[0][0], 0) | 1 << state
        return found

    @cached_property
    def _wide(self) -> Sequence[tuple[Characters, int]]:
        return [(label, 1 << state) for label, state, _ in self._moves if not _is_plain(label)]

    def that_take(self, label: Characters) -> int:
        """The states with a step, no loop, over a character of the label."""
        if _is_plain(label):
            found = self._plain.get(label[0][0], 0)
        else:
            sets = (states for one, states in self._plain.items() if _overlap(label, ((one, one),)))
            found = _union(sets)
        return found | _union(states for wide, states in self._wide if _overlap(label, wide))

    def after_one(self, states: int, taking: int) -> int:
        """Where one character leads from these states, `taking` being those with a step over it."""
        moving = states & taking
        moved = (moving & self._chain) << 1 | (states & self.loops)
        for state, to in self._jumps:
            if moving >> state & 1:
                moved |= 1 << to
        for state in _bits(moved & self._free):
            moved |= self.reach[state]
        return moved

    def after_any(self, states: int) -> int:
        """Where some characters, one at least, lead from these states, whichever they are."""
        found, rest = 0, states
        while rest:
            lowest = (rest & -rest).bit_length() - 1
            found |= self.onward[lowest]
            rest &= ~(found | 1 << lowest)  # what leads on from where we have been is found already
        return found

    def _next(self, state: int) -> Sequence[int]:
        return [*self.frees[state], *(to for _, to in self.steps[state] if to != state)]


def automata_meet(one: Segment, two: Segment) -> bool:
    """Whether one name, of at least one character, leads both to their ends."""
    taking: dict[Characters, int] = {}
    begin, there = one.reach[0], [0] * len(one.steps)
    for state in one.order:
        here = there[state] | (two.reach[0] if begin >> state & 1 else 0)
        if not here:
            continue
        if one.loops >> state & 1:
            there[state] |= two.after_any(here)
            here |= there[state]
        for label, to in one.steps[state]:
            if label and to != state:
                if label not in taking:
                    taking[label] = two.that_take(label)
                there[to] |= two.after_one(here, taking[label])
        for free in one.frees[state]:
            there[free] |= there[state]
    return bool(there[1] >> 1 & 1)


def _is_plain(label: Characters) -> bool:
    return len(label) == 1 and label[0][0] == label[0][1]


def _overlap(left: Characters, right: Characters) -> bool:
    i = j = 0
    while i < len(left) and j < len(right):
        if left[i][1] < right[j][0]:
            i += 1
        elif right[j][1] < left[i][0]:
            j += 1
        else:
            return True
    return False


def _set(states: Iterator[int]) -> int:
    return _union(1 << state for state in states)


def _union(sets: Iterator[int]) -> int:
    found = 0
    for one in sets:
        found |= one
    return found


def _bits(states: int) -> Iterator[int]:
    while states:
        lowest = states & -states
        yield lowest.bit_length() - 1
        states ^= lowest
