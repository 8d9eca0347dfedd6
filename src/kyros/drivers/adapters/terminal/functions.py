"""The CSI functions that move the cursor or change cells, by their final letter. None and 0 mean 1 where
a count is meant."""

from collections.abc import Callable
from functools import lru_cache

from kyros.drivers.adapters.terminal.grid import Grid

Numbers = tuple[int, ...]
Function = Callable[[Grid, Numbers], None]

_LARGEST = 65_535


@lru_cache(maxsize=4096)
def numbers_of(text: str) -> Numbers:
    """The parameters of a sequence, at least one; a missing one is 0."""
    return tuple(min(int(part or 0), _LARGEST) for part in text.replace(":", ";").split(";"))


def _place(grid: Grid, numbers: Numbers) -> None:
    grid.place((numbers[0] or 1) - 1, (numbers[1] or 1) - 1 if len(numbers) > 1 else 0)


def _next_line(grid: Grid, numbers: Numbers) -> None:
    grid.down(numbers[0] or 1)
    grid.x = 0


def _previous_line(grid: Grid, numbers: Numbers) -> None:
    grid.up(numbers[0] or 1)
    grid.x = 0


def _right(grid: Grid, numbers: Numbers) -> None:
    grid.to_column(grid.x + (numbers[0] or 1))


def _left(grid: Grid, numbers: Numbers) -> None:
    grid.to_column(min(grid.x, grid.columns - 1) - (numbers[0] or 1))


def _set_margins(grid: Grid, numbers: Numbers) -> None:
    bottom = numbers[1] if len(numbers) > 1 else 0
    grid.set_margins((numbers[0] or 1) - 1, (bottom or grid.rows) - 1)


FUNCTIONS: dict[str, Function] = {
    "@": lambda grid, numbers: grid.insert(numbers[0] or 1),
    "A": lambda grid, numbers: grid.up(numbers[0] or 1),
    "B": lambda grid, numbers: grid.down(numbers[0] or 1),
    "C": _right,
    "D": _left,
    "E": _next_line,
    "F": _previous_line,
    "G": lambda grid, numbers: grid.to_column((numbers[0] or 1) - 1),
    "H": _place,
    "I": lambda grid, numbers: grid.tab(numbers[0] or 1),
    "J": lambda grid, numbers: grid.erase_display(numbers[0]),
    "K": lambda grid, numbers: grid.erase_line(numbers[0]),
    "L": lambda grid, numbers: grid.insert_lines(numbers[0] or 1),
    "M": lambda grid, numbers: grid.delete_lines(numbers[0] or 1),
    "P": lambda grid, numbers: grid.delete(numbers[0] or 1),
    "S": lambda grid, numbers: grid.scroll_up(numbers[0] or 1),
    "T": lambda grid, numbers: grid.scroll_down(numbers[0] or 1),
    "X": lambda grid, numbers: grid.erase(numbers[0] or 1),
    "Z": lambda grid, numbers: grid.tab(-(numbers[0] or 1)),
    "`": lambda grid, numbers: grid.to_column((numbers[0] or 1) - 1),
    "a": _right,
    "b": lambda grid, numbers: grid.repeat(numbers[0] or 1),
    "d": lambda grid, numbers: grid.place((numbers[0] or 1) - 1, grid.x),
    "e": lambda grid, numbers: grid.down(numbers[0] or 1),
    "f": _place,
    "g": lambda grid, numbers: grid.clear_stops(numbers[0]),
    "r": _set_margins,
    "s": lambda grid, numbers: grid.save(),
    "u": lambda grid, numbers: grid.restore(),
}
