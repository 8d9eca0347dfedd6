"""The cells of a screen and the cursor on them: drawing, moving, erasing, scrolling. Text only."""

import unicodedata
from functools import lru_cache

_SPECIAL_ZERO = frozenset("\u200b\u200c\u200d\u2060\ufe0e\ufe0f")


@lru_cache(maxsize=4096)
def width_of(sign: str) -> int:
    """Cells a sign takes: 0 for what joins the one before it, 2 for wide ones, else 1."""
    if sign in _SPECIAL_ZERO or unicodedata.category(sign) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1


class Grid:
    """`columns` x `rows` cells. A cell is a string: a sign with what joins it, or "" behind a wide one.

    `x == columns` means that the next sign wraps first.
    """

    def __init__(self, columns: int, rows: int) -> None:
        self.columns = columns
        self.rows = rows
        self.x = 0
        self.y = 0
        self.wraps = True
        self._cells = [self._blank() for _ in range(rows)]
        self._continues = [False] * rows
        self._top, self._bottom = 0, rows - 1
        self._saved = (0, 0)

    def display(self) -> list[str]:
        return ["".join(row).rstrip() for row in self._cells]

    def lines(self) -> list[str]:
        """Rows down to the last one that is not blank; a wrapped row is joined to the one it continues."""
        lines: list[str] = []
        for row, continues in zip(self._cells, self._continues, strict=True):
            text = "".join(row)
            if continues and lines:
                lines[-1] += text
            else:
                lines.append(text)
        lines = [line.rstrip() for line in lines]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    def draw(self, text: str) -> None:
        """Put signs at the cursor; at the right edge wrap, or stay there when `wraps` is off."""
        if text.isascii():
            self._draw_plain(text)
            return
        for sign in text:
            width = width_of(sign)
            if width == 0:
                self._join(sign)
            else:
                self._draw_one(sign, width)

    def _draw_plain(self, text: str) -> None:
        while text:
            self._make_room(1)
            piece = text[: self.columns - self.x]
            self._cut_wide(self.x, self.x + len(piece))
            self._cells[self.y][self.x : self.x + len(piece)] = piece
            self.x += len(piece)
            text = text[len(piece) :]
            if text and not self.wraps:
                text = text[-1]

    def _draw_one(self, sign: str, width: int) -> None:
        self._make_room(width)
        self._cut_wide(self.x, self.x + width)
        self._cells[self.y][self.x : self.x + width] = [sign, ""][:width]
        self.x += width

    def _make_room(self, width: int) -> None:
        if self.x + width <= self.columns:
            return
        if self.wraps:
            self.x = 0
            self.index()
            self._continues[self.y] = True
        else:
            self.x = max(self.columns - width, 0)

    def _join(self, sign: str) -> None:
        row, at = self._cells[self.y], min(self.x, self.columns) - 1
        if at > 0 and row[at] == "":
            at -= 1
        if at >= 0:
            row[at] += sign

    def _cut_wide(self, start: int, end: int) -> None:
        """A wide sign that is half overwritten leaves blanks."""
        row = self._cells[self.y]
        if row[start] == "" and start > 0:
            row[start - 1] = " "
        if end < self.columns and row[end] == "":
            row[end] = " "

    def to_column(self, column: int) -> None:
        self.x = min(max(column, 0), self.columns - 1)

    def to_row(self, row: int) -> None:
        self.to_column(self.x)
        self.y = min(max(row, 0), self.rows - 1)

    def save(self) -> None:
        self._saved = (self.x, self.y)

    def restore(self) -> None:
        self.x, self.y = self._saved

    def index(self) -> None:
        """Down one row, scrolling at the bottom; the row reached begins a line of its own."""
        if self.y == self._bottom:
            self._scroll_up(self._top, 1)
        elif self.y < self.rows - 1:
            self.y += 1
        self._continues[self.y] = False

    def reverse_index(self) -> None:
        if self.y == self._top:
            self._scroll_down(self._top, 1)
        elif self.y > 0:
            self.y -= 1

    def control(self, final: str, numbers: list[int]) -> None:
        """One CSI function by its final letter; unknown ones change nothing."""
        first = numbers[0]
        count = max(first, 1)
        if final in _MOVES:
            down, right = _MOVES[final]
            self.to_column(0 if final in "EF" else self.x + right * count)
            self.to_row(self.y + down * count)
        elif final in "Hf":
            self.to_column(max(numbers[1], 1) - 1 if len(numbers) > 1 else 0)
            self.to_row(count - 1)
        elif final in "G`":
            self.to_column(count - 1)
        elif final == "d":
            self.to_row(count - 1)
        else:
            self._change(final, first, count, numbers)

    def _change(self, final: str, first: int, count: int, numbers: list[int]) -> None:
        if final == "J":
            self._erase_display(first)
        elif final == "K":
            self._erase_line(first)
        elif final in "LM" and self._top <= self.y <= self._bottom:
            (self._scroll_down if final == "L" else self._scroll_up)(self.y, count)
        elif final in "ST":
            (self._scroll_up if final == "S" else self._scroll_down)(self._top, count)
        elif final in "@PX":
            self._shift(final, count)
        elif final == "r":
            self._set_margins(numbers)
        elif final == "s":
            self.save()
        elif final == "u":
            self.restore()

    def _set_margins(self, numbers: list[int]) -> None:
        top = max(numbers[0], 1) - 1
        bottom = (numbers[1] if len(numbers) > 1 and numbers[1] else self.rows) - 1
        if 0 <= top < bottom < self.rows:
            self._top, self._bottom = top, bottom
            self.x = self.y = 0

    def _erase_display(self, how: int) -> None:
        if how == 3:
            return  # the scrollback, which we do not keep
        if how != 2:
            self._erase_line(how)
        first = 0 if how else self.y + 1
        last = self.y if how == 1 else self.rows
        for row in range(first, last):
            self._cells[row] = self._blank()
            self._continues[row] = False

    def _erase_line(self, how: int) -> None:
        at = min(self.x, self.columns - 1)
        start, end = (at, self.columns) if how == 0 else (0, at + 1) if how == 1 else (0, self.columns)
        self._cells[self.y][start:end] = [" "] * (end - start)
        if how != 1 and self.y + 1 < self.rows:
            self._continues[self.y + 1] = False

    def _shift(self, final: str, count: int) -> None:
        row, at = self._cells[self.y], min(self.x, self.columns - 1)
        count = min(count, self.columns - at)
        if final == "@":
            row[at:at] = [" "] * count
        elif final == "P":
            del row[at : at + count]
            row += [" "] * count
        else:
            row[at : at + count] = [" "] * count
        del row[self.columns :]

    def _scroll_up(self, top: int, count: int) -> None:
        for _ in range(min(count, self._bottom - top + 1)):
            del self._cells[top], self._continues[top]
            self._cells.insert(self._bottom, self._blank())
            self._continues.insert(self._bottom, False)

    def _scroll_down(self, top: int, count: int) -> None:
        for _ in range(min(count, self._bottom - top + 1)):
            del self._cells[self._bottom], self._continues[self._bottom]
            self._cells.insert(top, self._blank())
            self._continues.insert(top, False)

    def _blank(self) -> list[str]:
        return [" "] * self.columns


_MOVES = {
    "A": (-1, 0), "B": (1, 0), "C": (0, 1), "D": (0, -1), "E": (1, 0), "F": (-1, 0), "a": (0, 1), "e": (1, 0),
}  # fmt: skip
"""Cursor functions: rows down and columns right for each count."""
