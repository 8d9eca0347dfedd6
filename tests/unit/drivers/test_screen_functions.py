"""The functions of a terminal, one by one, as xterm and its kin have them."""

import pytest

from kyros.drivers.adapters.terminal.screen import Screen


def shown(stream: str, columns: int = 10, rows: int = 4) -> list[str]:
    screen = Screen(columns, rows)
    screen.feed(stream.encode())
    return screen.display()


LETTERS = "a\r\nb\r\nc\r\nd"


@pytest.mark.parametrize(
    ("stream", "rows"),
    [
        ("abc\x1b[2D!", ["a!c"]),
        ("a\x1b[3Cb\x1b[10Cc", ["a   b    c"]),
        ("\x1b[2;3Hx\x1b[Ay\x1b[2Bz", ["   y", "  x", "    z"]),
        ("a\x1b[Eb\x1b[2Fc", ["c", "b"]),
        ("\x1b[5Gx\x1b[2`y\x1b[3dz", [" y  x", "", "  z"]),
        ("\x1b[3;99Hx\x1b[99;2Hy", ["", "", "         x", " y"]),
        ("\ta\x1b[2Zb", ["b       a"]),
        ("\x1b[3g\x1b[4G\x1bH\r\ta\x1b[99Ib", ["   a     b"]),
        ("\x1b[5G\x1bH\x1b[gx\r\ty", ["    x   y"]),
        ("abc\x1b[2G\x1b[2@x", ["ax bc"]),
        ("abcdef\x1b[2G\x1b[3P", ["aef"]),
        ("abcdef\x1b[2G\x1b[3X", ["a   ef"]),
        ("abcdef\x1b[3G\x1b[1K", ["   def"]),
        ("abcdef\x1b[3G\x1b[K", ["ab"]),
        ("abcdef\x1b[3G\x1b[2Kx", ["  x"]),
        ("abcdef\x1b[3G\x1b[4hxy\x1b[4lz", ["abxyzdef"]),
        ("ab\x1b[3bc", ["abbbbc"]),
        ("漢\x1b[2b", ["漢漢漢"]),
        (LETTERS + "\x1b[2;1H\x1b[J", ["a"]),
        (LETTERS + "\x1b[2;2H\x1b[1J", ["", "", "c", "d"]),
        (LETTERS + "\x1b[2J", []),
        (LETTERS + "\x1b[3J", ["a", "b", "c", "d"]),
        (LETTERS + "\x1b[2S", ["c", "d"]),
        (LETTERS + "\x1b[T", ["", "a", "b", "c"]),
        (LETTERS + "\x1b[2;3r\x1b[S", ["a", "c", "", "d"]),
        (LETTERS + "\x1b[2;3r\x1b[2;2H\x1bMx", ["a", " x", "b", "d"]),
        (LETTERS + "\x1b[2;3r\x1b[3;1H\nx\n", ["a", "x", "", "d"]),
        (LETTERS + "\x1b[2;3r\x1b[?6h\x1b[2;1Hx\x1b[9;1Hy", ["a", "b", "y", "d"]),
        (LETTERS + "\x1b[2;3r\x1b[4;1H\nx", ["a", "b", "c", "x"]),
        (LETTERS + "\x1b[2;3r\x1b[2;1H\x1b[9A!\x1b[9B?", ["a", "!", "c?", "d"]),
        (LETTERS + "\x1b[3;2r\x1b[9;9rx", ["a", "b", "c", "dx"]),
        ("a\x1b[2;3H\x1b7\x1b[Hb\x1b8c", ["b", "  c"]),
        ("a\x1b[2;3H\x1b[s\x1b[Hb\x1b[uc", ["b", "  c"]),
        ("\x1b(0\x1b7\x1b(Bq\x1b8q", ["─"]),
        ("\x1b(0lqk\x1b(Bq", ["┌─┐q"]),
        ("\x1b)0a\x0eq\x0fq", ["a─q"]),
        ("ab\x1bDc\x1bEd\x1bMe", ["ab", " ec", "d"]),
        ("ab\x84c\x85d\x8de", ["ab", " ec", "d"]),
        ("ab\x9b2Dc\x9d0;t\x9cd\x90x\x9ce", ["cde"]),
        ("a\x00b\x7fc\x07", ["abc"]),
        ("a\x1b[1\x00;3\x7fHb", ["a b"]),
        ("a\x1b[\r\n2Cb", ["a", "  b"]),
        ("a\x1b[31\x18mb\x1b[3\x1am", ["ambm"]),
        ("a\x1b[3\x1b[2Cb", ["a  b"]),
        ("a\x1b[3éb", ["aéb"]),
        ("a\x1b]0;x\x1b[2Cb", ["a  b"]),
        ("a\x1b]8;;http://x/\x1b\\link\x1b]8;;\x1b\\b", ["alinkb"]),
        ("a\x1b_Gi=31;AAAA\x1b\\b\x1b^pm\x07c\x1bXsos\x1b\\d", ["abcd"]),
        ("a\x1b[<u\x1b[>4;1m\x1b[?u\x1b[=1u\x1b[2 q\x1b[1$}\x1b[?1;2cb", ["ab"]),
        ("a\x1b[" + "1;" * 400 + "Cb", ["ab"]),
        ("\x1b[38;2;1;2;3;48:2::4:5:6;1;3;4:3ma\x1b[mb", ["ab"]),
        ("x\x1b#8", ["EEEEEEEEEE"] * 4),
        ("a\x1b[?7l\x1b[4h\x1b[2;3r\x1bcb", ["b"]),
        (LETTERS + "\x1b[2;3r\x1b[4h\x1b(0\x1b[!p\x1b[Hq\x1b[4;1H\n", ["b", "c", "d"]),
    ],
)  # fmt: skip
def test_a_function_does_its_work(stream: str, rows: list[str]) -> None:
    assert shown(stream) == rows + [""] * (4 - len(rows)), repr(stream)


@pytest.mark.parametrize(
    ("stream", "rows"),
    [
        ("main\x1b[?1049hother\x1b[?1049l!", ["main!"]),
        ("main\x1b[?1049hother\x1b[?1049l\x1b[?1049h", []),
        ("main\x1b[?1049hother\x1b[?1049l\x1b[?47h", ["    other"]),
        ("main\x1b[?1047hother\x1b[?1047l\x1b[?1047h", []),
        ("main\x1b[?47hother\x1b[?47l!", ["main     !"]),
        ("ab\x1b[?1048hcd\x1b[?1048l!", ["ab!d"]),
        ("ab\x1b[?1049lc", ["abc"]),
        ("ab\x1b[?1049h\x1b[2J\x1b[Hx\x1b7\x1b[3;3H\x1b[?1049lc", ["abc"]),
        ("ab\x1b[?1049h\x1bcx", ["x"]),
    ],
)
def test_the_alternate_screen_is_another_one(stream: str, rows: list[str]) -> None:
    assert shown(stream) == rows + [""] * (4 - len(rows)), repr(stream)


def test_the_cursor_stays_behind_a_full_row_until_the_next_sign() -> None:
    screen = Screen(4, 3)
    screen.feed(b"abcd")
    assert screen.cursor == (1, 4)
    screen.feed(b"\x1b[6n\r!")
    assert screen.display()[:2] == ["!bcd", ""]


@pytest.mark.parametrize(
    ("size", "display", "cursor"),
    [
        ((4, 4), ["1234", "b", "c x", ""], (3, 4)),
        ((12, 4), ["123456", "b", "c x", ""], (3, 4)),
        ((8, 2), ["b", "c x"], (2, 4)),
        ((8, 6), ["123456", "b", "c x", "", "", ""], (3, 4)),
        ((1, 1), ["c"], (1, 1)),
    ],
)
def test_a_resized_window_keeps_what_fits_and_the_cursor(
    size: tuple[int, int], display: list[str], cursor: tuple[int, int]
) -> None:
    screen = Screen(8, 4)
    screen.feed(b"123456\r\nb\r\nc x")
    screen.resize(*size)
    assert screen.display() == display
    assert screen.cursor == cursor


def test_a_resized_window_wraps_and_tabs_at_its_new_width() -> None:
    screen = Screen(10, 4)
    screen.resize(20, 4)
    screen.feed(b"\t\tx\r\n" + b"y" * 21)
    assert screen.display()[:3] == [" " * 16 + "x", "y" * 20, "y"]
    screen.resize(3, 4)
    screen.feed("\x1b[2J\x1b[H漢字".encode())
    assert screen.display()[:2] == ["漢", "字"]


def test_a_wide_sign_cut_by_a_smaller_window_leaves_a_blank() -> None:
    screen = Screen(6, 2)
    screen.feed("ab漢字".encode())
    screen.resize(5, 2)
    assert screen.display()[0] == "ab漢"


def test_a_full_screen_programs_window_is_resized_on_both_screens() -> None:
    screen = Screen(10, 3)
    screen.feed(b"main\x1b[?1049hother")
    screen.resize(6, 2)
    assert screen.display() == ["    ot", ""]
    screen.feed(b"\x1b[?1049l")
    assert screen.display() == ["main", ""]
