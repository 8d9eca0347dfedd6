"""The cursor of a screen: where it stands, how far it may go, and how it draws."""

from dataclasses import dataclass

_LINE_DRAWING = str.maketrans("`abcdefghijklmnopqrstuvwxyz{|}~", "◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·")


@dataclass(frozen=True)
class Saved:
    """What the terminal keeps with a saved cursor. `charsets` are G0 and G1, "0" for line drawing."""

    x: int = 0
    y: int = 0
    in_margins: bool = False
    charsets: tuple[str, str] = ("B", "B")
    shift: int = 0


class Cursor:
    """`x` and `y` from 0; `x == columns` means that the next sign wraps first.

    `wraps`, `inserts` and `in_margins` are the modes autowrap, insert and origin.
    """

    def __init__(self, columns: int, rows: int) -> None:
        self.columns = columns
        self.rows = rows
        self.x = self.y = 0
        self.reset_modes()

    def reset_modes(self) -> None:
        """Everything but where it stands."""
        self.wraps, self.inserts, self.in_margins = True, False, False
        self._top, self._bottom = 0, self.rows - 1
        self._charsets = ["B", "B"]
        self._shift = 0
        self._is_odd = False
        self._saved = Saved()
        self._stops = [*range(8, self.columns, 8)]

    def choose_charset(self, slot: int, name: str) -> None:
        self._charsets[slot] = name
        self._is_odd = self.inserts or self._charsets[self._shift] == "0"

    def shift(self, slot: int) -> None:
        self._shift = slot
        self.choose_charset(slot, self._charsets[slot])

    def set_inserts(self, inserts: bool) -> None:
        self.inserts = inserts
        self.shift(self._shift)

    def _translated(self, text: str) -> str:
        return text.translate(_LINE_DRAWING) if self._charsets[self._shift] == "0" else text

    def to_column(self, column: int) -> None:
        self.x = min(max(column, 0), self.columns - 1)

    def to_row(self, row: int) -> None:
        self.x = min(self.x, self.columns - 1)
        self.y = min(max(row, 0), self.rows - 1)

    def place(self, row: int, column: int) -> None:
        """Both from 0; within the margins in origin mode."""
        if self.in_margins:
            row = min(row + self._top, self._bottom)
        self.x = column if column < self.columns else self.columns - 1
        self.y = row if row < self.rows else self.rows - 1

    def where(self) -> tuple[int, int]:
        """Row and column as a program counts them, from 1."""
        row = self.y - self._top if self.in_margins else self.y
        return max(row, 0) + 1, min(self.x, self.columns - 1) + 1

    def up(self, count: int) -> None:
        self.to_row(max(self.y - count, self._top if self.y >= self._top else 0))

    def down(self, count: int) -> None:
        self.to_row(min(self.y + count, self._bottom if self.y <= self._bottom else self.rows - 1))

    def tab(self, count: int) -> None:
        """So many stops on, or back when negative; beyond the last stands the last column."""
        x = min(self.x, self.columns - 1)
        if count > 0:
            stops = [*(stop for stop in self._stops if stop > x), self.columns - 1]
            self.to_column(stops[min(count, len(stops)) - 1])
        elif count < 0:
            stops = [0, *(stop for stop in self._stops if stop < x)]
            self.to_column(stops[max(count, -len(stops))])

    def set_stop(self) -> None:
        self._stops = sorted({*self._stops, min(self.x, self.columns - 1)})

    def clear_stops(self, how: int) -> None:
        """0: the one here; 3: all."""
        if how == 0:
            self._stops = [stop for stop in self._stops if stop != min(self.x, self.columns - 1)]
        elif how == 3:
            self._stops = []

    def set_margins(self, top: int, bottom: int) -> None:
        """Rows from 0, both included; anything else than two rows or more changes nothing."""
        bottom = min(bottom, self.rows - 1)
        if 0 <= top < bottom:
            self._top, self._bottom = top, bottom
            self.place(0, 0)

    def save(self) -> None:
        charsets = (self._charsets[0], self._charsets[1])
        self._saved = Saved(self.x, self.y, self.in_margins, charsets, self._shift)

    def restore(self) -> None:
        saved = self._saved
        self.x, self.y = min(saved.x, self.columns), min(saved.y, self.rows - 1)
        self.in_margins = saved.in_margins
        self._charsets = [*saved.charsets]
        self.shift(saved.shift)

    def take_cursor(self, other: "Cursor") -> None:
        """Go on where `other` stands, with its modes: a terminal's two screens share one cursor."""
        self.x, self.y = other.x, other.y
        self.wraps, self.in_margins, self.inserts = other.wraps, other.in_margins, other.inserts
        self._charsets = [*other._charsets]
        self.shift(other._shift)
