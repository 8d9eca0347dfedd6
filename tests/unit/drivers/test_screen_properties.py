"""Whatever bytes come, however they are cut: the same screen, no crash, nothing kept for ever."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from kyros.drivers.adapters.terminal.screen import Screen

FRAGMENTS = [
    *(
        f"\x1b[{sizes}{final}"
        for final in "@ABCDEFGHIJKLMPSTXZ`abcdefghlmnprstu"
        for sizes in ("", "2", "3;9")
    ),
    *(f"\x1b[?{mode}{final}" for mode in (6, 7, 25, 47, 1047, 1048, 1049, 2004, 2026) for final in "hl"),
    *(
        f"\x1b{final}"
        for final in ("7", "8", "D", "E", "M", "H", "c", "#8", "(0", "(B", ")0", "\\", "[", "[1;", "[?")
    ),
    *("\x1b[4h", "\x1b[4l", "\x1b[!p", "\x1b[<u", "\x1b[>4;1m", "\x1b[?u", "\x1b[>q", "\x1b[>c", "\x1b[2 q"),
    *(
        "\x1b[c",
        "\x1b[6n",
        "\x1b[?6n",
        "\x1b[5n",
        "\x1b[18t",
        "\x1b[?2026$p",
        "\x1b[4$p",
        "\x1b[1;4r",
        "\x1b[r",
    ),
    *(
        "\x1b]0;a title\x07",
        "\x1b]2;ünï\x1b\\",
        "\x1b]7501;state=working\x07",
        "\x1b]11;?\x1b\\",
        "\x1b]0;open",
    ),
    *("\x1b]8;;http://a/\x1b\\", "\x1bP+q4d73\x1b\\", "\x1b_Gi=1;AAAA\x1b\\", "\x1b^x\x9c", "\x1bXsos"),
    *("\r", "\n", "\r\n", "\b", "\t", "\x00", "\x7f", "\x0b", "\x0e", "\x0f", "\x07", "\x18", "\x1a", "\x1b"),
    *("\x9b2J", "\x85", "\x8d", "\x9d2;c1\x9c", "plain text", "x" * 25, "ünïcode ─│", "漢字かな", "⏺ x"),
    *("👩‍👩‍👧", "👍🏽", "🇩🇪🇫🇷", "✔️", "1️⃣", "é", "e\u0301", "\u200d", "\ufe0f"),
    *("\x1b[" + "1;" * 200 + "m", "\x1b[" + "9" * 300 + "H", "\x1b[99999999999C", "\x1b[1:2:3m"),
]

pieces = st.one_of(
    st.sampled_from(FRAGMENTS).map(str.encode),
    st.binary(max_size=12),
    st.text(max_size=8).map(lambda text: text.encode(errors="replace")),
)
streams = st.lists(pieces, max_size=30).map(b"".join)
sizes = st.tuples(st.integers(1, 24), st.integers(1, 8))


def state(screen: Screen) -> dict[str, object]:
    return {
        "display": screen.display(),
        "live": screen.live(100),
        "cursor": screen.cursor,
        "title": screen.title,
        "report": screen.report,
        "replies": screen.take_replies(),
        "pastes": screen.takes_pastes,
        "drawing": screen.is_drawing,
    }


@settings(max_examples=400, deadline=None)
@given(stream=streams, cuts=st.lists(st.integers(0, 400), max_size=8), size=sizes)
def test_cut_at_any_points_a_stream_renders_the_same(
    stream: bytes, cuts: list[int], size: tuple[int, int]
) -> None:
    whole, cut = Screen(*size), Screen(*size)
    whole.feed(stream)
    ends = sorted({*(at for at in cuts if at < len(stream)), len(stream)})
    for start, end in zip([0, *ends], ends, strict=False):
        cut.feed(stream[start:end])
    assert state(cut) == state(whole)


@settings(max_examples=200, deadline=None)
@given(stream=streams, size=sizes)
def test_byte_by_byte_a_stream_renders_the_same(stream: bytes, size: tuple[int, int]) -> None:
    whole, cut = Screen(*size), Screen(*size)
    whole.feed(stream)
    for byte in stream:
        cut.feed(bytes([byte]))
    assert state(cut) == state(whole)


@settings(max_examples=300, deadline=None)
@given(stream=st.binary(max_size=600), more=streams, size=sizes, other=sizes)
def test_any_bytes_leave_a_screen_of_its_size_with_its_cursor_on_it(
    stream: bytes, more: bytes, size: tuple[int, int], other: tuple[int, int]
) -> None:
    screen = Screen(*size)
    screen.feed(stream + more)
    check(screen, *size)
    screen.resize(*other)
    check(screen, *other)
    screen.feed(more + stream)
    check(screen, *other)
    screen.pass_over(stream + more)
    check(screen, *other)


def check(screen: Screen, columns: int, rows: int) -> None:
    row, column = screen.cursor
    assert len(screen.display()) == rows
    assert 1 <= row <= rows
    assert 1 <= column <= columns
    for cells in screen._grid._cells:
        assert len(cells) == columns
        assert cells[0] != ""
        assert all(len(cell) <= 32 for cell in cells)
        assert not any(left == right == "" for left, right in pairwise(cells))


@settings(max_examples=100, deadline=None)
@given(stream=streams, size=sizes)
def test_passing_over_takes_in_what_counts_afterwards(stream: bytes, size: tuple[int, int]) -> None:
    """Titles, modes and where sequences end; what depends on the cursor is not known."""
    rendered, passed = Screen(*size), Screen(*size)
    rendered.feed(stream)
    passed.pass_over(stream)
    for screen in (rendered, passed):
        screen.feed(b"\x18\x1b[2J\x1b[H\x1b[4l\x1b[r\x1b(B\x0fafter")
    assert passed.title == rendered.title
    assert passed.takes_pastes == rendered.takes_pastes
    assert (passed._modes, passed.report) == (rendered._modes, rendered.report)
    assert "".join(passed.display())[:1] == "".join(rendered.display())[:1]


def test_what_never_ends_is_bounded() -> None:
    for opening in (b"\x1b]0;", b"\x1bP", b"\x1b_", b"\x1b[", b"\x1b(", b"\x1b[38;2;"):
        screen = Screen(20, 4)
        screen.feed(opening)
        for _ in range(64):
            screen.feed(b"1;" * 32_768 if b"(" not in opening else b" " * 65_536)
        assert len(screen._opened._body) <= 65_536
        screen.feed(b"\n\x1b\\\r\nafter")
        assert "after" in screen.display()
    screen = Screen(20, 4)
    screen.feed(b"a" + "\u0301".encode() * 100_000)
    assert len(screen.display()[0]) <= 32
    screen.feed(b"\x1b[6n" * 100_000)
    assert len(screen.take_replies()) < 70_000
    for mode in range(20_000):
        screen.feed(f"\x1b[?{mode}h".encode())
    assert len(screen._modes) < 32
