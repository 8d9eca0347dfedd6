"""The cells of a screen: drawing, erasing, scrolling. Text only."""

import re

from kyros.drivers.adapters.terminal.cells import PLAIN, WIDE, joined, widens, width_of
from kyros.drivers.adapters.terminal.cursor import Cursor

Row = str | list[str]
"""A string while every sign is one cell, else a list: a sign with what joins it, or "" behind a wide one."""

_RUNS = re.compile(f"([{PLAIN}]+)|([{WIDE}]+)|([^{PLAIN}{WIDE}]+)")


class Grid(Cursor):
    """`columns` x `rows` cells and the cursor that draws on them."""

    def __init__(self, columns: int, rows: int) -> None:
        super().__init__(columns, rows)
        self._last = ""
        self.clear()

    def reset(self) -> None:
        """As it was at the start."""
        self.x = self.y = 0
        self._last = ""
        self.clear()
        self.reset_modes()

    def clear(self) -> None:
        self._blank = " " * self.columns
        self._cells: list[Row] = [self._blank] * self.rows
        self._continues = [False] * self.rows

    def resize(self, columns: int, rows: int) -> None:
        """Rows are cut or filled at the right; with fewer of them the cursor's stays, blank ones below it go
        first, then the upper ones."""
        self._cells = [_fitted(row, columns) for row in self._cells]
        first_new = max((self.columns + 7) // 8, 1) * 8
        self._stops = [stop for stop in self._stops if stop < columns] + [*range(first_new, columns, 8)]
        below = min(max(self.rows - rows, 0), self.rows - 1 - self.y)
        above = max(self.rows - rows - below, 0)
        last = len(self._cells) - below
        more = max(rows - self.rows, 0)
        self._blank = " " * columns
        self._cells = self._cells[above:last] + [self._blank] * more
        self._continues = self._continues[above:last] + [False] * more
        self.columns, self.rows = columns, rows
        self._top, self._bottom = 0, rows - 1
        self.x, self.y = min(self.x, columns), max(self.y - above, 0)

    def display(self) -> list[str]:
        return ["".join(row).rstrip() for row in self._cells]

    def lines(self, count: int) -> list[str]:
        """The last `count` lines down to the last that is not blank; a wrapped row is joined to the one it
        continues."""
        lines: list[str] = []
        text = ""
        for row, continues in zip(reversed(self._cells), reversed(self._continues), strict=True):
            if len(lines) == count:
                break
            text = "".join(row) + text
            if not continues:
                if lines or (text and not text.isspace()):
                    lines.append(text.rstrip())
                text = ""
        if text and not text.isspace() and len(lines) < count:
            lines.append(text.rstrip())
        return lines[::-1]

    def draw(self, text: str) -> None:
        """Put signs at the cursor; at the right edge wrap, or stay there when `wraps` is off."""
        for run in _RUNS.finditer(text):
            plain, wide, other = run.groups()
            if plain:
                self.draw_plain(plain)
            elif wide and self.x + 2 * len(wide) <= self.columns:
                self._put([cell for sign in wide for cell in (sign, "")], 2 * len(wide))
                self._last = wide
            else:
                for sign in wide or other:
                    self._draw_one(sign)

    def draw_plain(self, text: str) -> None:
        """The same for signs of one cell each: `PLAIN` ones."""
        x = self.x
        end = x + len(text)
        row = self._cells[self.y]
        if end <= self.columns and not self._is_odd:
            if isinstance(row, str):
                self._cells[self.y] = row[:x] + text + row[end:]
            else:
                self._cut(x, end)[x:end] = text
            self.x = end
        else:
            self._draw_pieces(self._translated(text) if self._is_odd else text)
        self._last = text

    def _draw_pieces(self, text: str) -> None:
        at = 0
        while at < len(text):
            if self.x >= self.columns and not self.wraps:
                at = len(text) - 1
            self._make_room(1)
            piece = text[at : at + self.columns - self.x]
            self._put(piece, len(piece))
            at += len(piece)

    def _draw_one(self, sign: str) -> None:
        width = min(width_of(sign), self.columns)
        if self._join(sign) or width == 0:
            return
        self._make_room(width)
        self._put(sign if width == 1 else [sign, ""], width)
        self._last = sign

    def _put(self, cells: Row, width: int) -> None:
        x, end = self.x, self.x + width
        if self.inserts:
            self._insert(width)
        row = self._cells[self.y]
        if type(row) is str and type(cells) is str:
            self._cells[self.y] = row[:x] + cells + row[end:]
        else:
            cut = self._cut(x, end)
            cut[x:end] = cells
        self.x = end

    def _make_room(self, width: int) -> None:
        if self.x + width <= self.columns:
            return
        if self.wraps:
            self.x = 0
            self.index()
            self._continues[self.y] = True
        else:
            self.x = max(self.columns - width, 0)

    def _join(self, sign: str) -> bool:
        """Let `sign` share the cell before the cursor, if it does that."""
        if self.x == 0:
            return False
        row, at = self._cells[self.y], min(self.x, self.columns) - 1
        if row[at] == "" and at:
            at -= 1
        cell = joined(row[at], sign)
        if cell is None:
            return False
        if cell != row[at]:
            wide = widens(row[at], sign) and self.x == at + 1 < self.columns
            cut = self._cut(at, at + 2) if wide else self._listed(self.y)
            cut[at] = cell
            if wide:
                cut[at + 1] = ""
                self.x += 1
        return True

    def _listed(self, y: int) -> list[str]:
        row = self._cells[y]
        if type(row) is str:
            row = self._cells[y] = [*row]
        assert isinstance(row, list)
        return row

    def _cut(self, start: int, end: int) -> list[str]:
        """The cursor's row, with blanks for wide signs of which half lies outside `start` to `end`."""
        row = self._listed(self.y)
        if start < len(row) and row[start] == "" and start:
            row[start - 1 : start + 1] = "  "
        if end < len(row) and row[end] == "":
            row[end] = " "
            if end > start:
                row[end - 1] = " "
        return row

    def repeat(self, count: int) -> None:
        """Draw the sign drawn last so often again."""
        if self._last:
            self.draw(self._last[-1] * min(count, self.columns * self.rows))

    def index(self) -> None:
        """Down one row, scrolling at the bottom; the row reached begins a line of its own."""
        if self.y == self._bottom == self.rows - 1 and self._top == 0:
            del self._cells[0], self._continues[0]
            self._cells.append(self._blank)
            self._continues.append(False)
        elif self.y == self._bottom:
            self._scroll(self._top, 1)
        elif self.y < self.rows - 1:
            self.y += 1
        self._continues[self.y] = False

    def reverse_index(self) -> None:
        if self.y == self._top:
            self.scroll_down(1)
        elif self.y > 0:
            self.y -= 1

    def erase_display(self, how: int) -> None:
        """0: from the cursor on; 1: up to it; 2: all. 3 is the scrollback, which we do not keep."""
        if how not in (0, 1, 2):
            return
        if how != 2:
            self.erase_line(how)
        first = 0 if how else self.y + 1
        last = self.y if how == 1 else self.rows
        self._cells[first:last] = [self._blank] * (last - first)
        self._continues[first:last] = [False] * (last - first)

    def erase_line(self, how: int) -> None:
        at = min(self.x, self.columns - 1)
        if how == 0:
            self._erase(at, self.columns)
        elif how == 1:
            self._erase(0, at + 1)
        elif how == 2:
            self._erase(0, self.columns)
        if how in (0, 2) and self.y + 1 < self.rows:
            self._continues[self.y + 1] = False

    def erase(self, count: int) -> None:
        at = min(self.x, self.columns - 1)
        self._erase(at, min(at + count, self.columns))

    def _erase(self, start: int, end: int) -> None:
        row = self._cells[self.y]
        if end - start == self.columns:
            self._cells[self.y] = self._blank
        elif type(row) is str:
            self._cells[self.y] = row[:start] + self._blank[start:end] + row[end:]
        else:
            self._cut(start, end)[start:end] = self._blank[start:end]

    def insert(self, count: int) -> None:
        self.x = min(self.x, self.columns - 1)
        self._insert(min(count, self.columns - self.x))

    def _insert(self, count: int) -> None:
        x, row = self.x, self._cells[self.y]
        if isinstance(row, str):
            self._cells[self.y] = (row[:x] + " " * count + row[x:])[: self.columns]
            return
        row = self._cut(x, x)
        row[x:x] = " " * count
        if row[self.columns] == "":
            row[self.columns - 1] = " "
        del row[self.columns :]

    def delete(self, count: int) -> None:
        self.x = min(self.x, self.columns - 1)
        x, row = self.x, self._cells[self.y]
        count = min(count, self.columns - x)
        if isinstance(row, str):
            self._cells[self.y] = row[:x] + row[x + count :] + " " * count
        else:
            row = self._cut(x, x + count)
            row[x:] = row[x + count :] + [" "] * count

    def insert_lines(self, count: int) -> None:
        if self._top <= self.y <= self._bottom:
            self._scroll(self.y, -count)
            self.x = 0

    def delete_lines(self, count: int) -> None:
        if self._top <= self.y <= self._bottom:
            self._scroll(self.y, count)
            self.x = 0

    def scroll_up(self, count: int) -> None:
        self._scroll(self._top, count)

    def scroll_down(self, count: int) -> None:
        self._scroll(self._top, -count)

    def _scroll(self, top: int, count: int) -> None:
        """The rows from `top` to the bottom margin, up; down when negative."""
        end = self._bottom + 1
        moved = min(abs(count), end - top)
        gone = slice(top, top + moved) if count > 0 else slice(end - moved, end)
        come = slice(end - moved, end - moved) if count > 0 else slice(top, top)
        del self._cells[gone], self._continues[gone]
        self._cells[come] = [self._blank] * moved
        self._continues[come] = [False] * moved

    def fill(self, sign: str) -> None:
        self._cells = [sign * self.columns for _ in range(self.rows)]
        self._continues = [False] * self.rows


def _fitted(row: Row, columns: int) -> Row:
    if isinstance(row, str):
        return row[:columns].ljust(columns)
    fitted = row[:columns] + [" "] * (columns - len(row))
    if len(row) > columns and row[columns] == "":
        fitted[-1] = " "
    return fitted
