"""The terminal model: split input, signs that join, private sequences, and recordings of real programs."""

import random

import pytest

from kyros.drivers.adapters.terminal.screen import Screen
from tests.unit.drivers.conftest import Cast

SAMPLE = (
    "plain \x1b[1;31mred\x1b[0m ünïcode 漢字 👩‍👩‍👧 ✔️ é\r\n"
    "\x1b]0;a title\x07\x1b]7501;state=working:app=x\x1b\\\x1b[?2004h\x1b[<u\x1b[>4;1m\x1b[?u"
    "\x1b[3;5Hmoved\x1b[K\x1bP+q4d73\x1b\\\x1b_Gi=31;AAAA\x1b\\\x1b[?2026hdrawn\x1b[?2026l\x1b[2 q end"
).encode()


def fed(*pieces: bytes, columns: int = 60, rows: int = 6) -> Screen:
    screen = Screen(columns, rows)
    for piece in pieces:
        screen.feed(piece)
    return screen


def test_a_sample_split_at_every_byte_renders_the_same() -> None:
    whole = fed(SAMPLE)
    for at in range(1, len(SAMPLE)):
        split = fed(SAMPLE[:at], SAMPLE[at:])
        assert split.display() == whole.display(), at
        assert (split.title, split.report, split.takes_pastes) == (whole.title, whole.report, True), at


def test_a_sample_fed_byte_by_byte_renders_the_same() -> None:
    assert fed(*(bytes([byte]) for byte in SAMPLE)).display() == fed(SAMPLE).display()


def test_the_sample_is_rendered_without_its_sequences() -> None:
    screen = fed(SAMPLE)
    assert screen.display()[0] == "plain red ünïcode 漢字 👩‍👩‍👧 ✔️ é"
    assert screen.display()[2] == "    moveddrawn end"
    assert (screen.title, screen.report) == ("a title", "state=working:app=x")


def test_text_after_joiners_and_variation_selectors_is_kept() -> None:
    assert fed("a✔️b\u200dc❤️d".encode()).display()[0] == "a✔️b\u200dc❤️d"


def test_a_private_sequence_prints_nothing() -> None:
    assert fed(b"a\x1b[<u\x1b[>7u\x1b[=1ub\x1b[?12;25$pc").display()[0] == "abc"


def test_the_alternate_screen_leaves_the_main_one_as_it_was() -> None:
    screen = fed(b"main\r\nprompt> \x1b[?1049h\x1b[Hother")
    assert screen.display()[0] == "other"
    screen.feed(b"\x1b[?1049l!")
    assert screen.display()[:2] == ["main", "prompt> !"]


def test_a_wrapped_line_is_one_line() -> None:
    screen = fed(b"x" * 9 + b">\r\nnext", columns=9)
    assert screen.live(5) == "xxxxxxxxx>\nnext"
    assert screen.display()[1] == ">"


def test_a_line_that_fills_its_row_exactly_does_not_swallow_the_next() -> None:
    assert fed(b"123456789\r\n>", columns=9).live(5) == "123456789\n>"


def test_without_autowrap_text_stays_in_its_row() -> None:
    shown = fed(b"\x1b[?7lthe quick brown\x1b[?7h", columns=9).display()
    assert shown[:2] == ["the quicn", ""]


def test_overwriting_half_of_a_wide_sign_leaves_a_blank() -> None:
    assert fed("漢字\x1b[1;2Hx".encode()).display()[0] == " x字"


def test_the_live_region_ends_at_the_last_line_that_says_something() -> None:
    screen = fed(b"one\r\ntwo\r\nthree\r\n\r\n\r\n")
    assert screen.live(2) == "two\nthree"


def test_scrolling_keeps_to_its_margins() -> None:
    screen = fed(b"a\r\nb\r\nc\r\nd\x1b[2;3r\x1b[3;1H\n\x1b[r")
    assert screen.display()[:4] == ["a", "c", "", "d"]


def test_inserted_and_deleted_lines_move_the_rest() -> None:
    assert fed(b"a\r\nb\r\nc\x1b[2;1H\x1b[Lx").display()[:4] == ["a", "x", "b", "c"]
    assert fed(b"a\r\nb\r\nc\x1b[1;1H\x1b[2M").display()[:2] == ["c", ""]


@pytest.mark.parametrize(
    ("query", "reply"),
    [
        (b"ab\x1b[6n", b"\x1b[1;3R"),
        (b"\x1b[5n", b"\x1b[0n"),
        (b"\x1b[c", b"\x1b[?62;22c"),
        (b"\x1b]11;?\x1b\\", b"\x1b]11;rgb:0000/0000/0000\x1b\\"),
        (b"\x1b[?2004h\x1b[?2004$p", b"\x1b[?2004;1$y"),
        (b"\x1b[?9999$p", b"\x1b[?9999;0$y"),
        (b"\x1b[?7l\x1b[?7$p", b"\x1b[?7;2$y"),
        (b"\x1b[?2027$p", b"\x1b[?2027;1$y"),
        (b"\x1b[4h\x1b[4$p\x1b[20$p", b"\x1b[4;1$y\x1b[20;0$y"),
        (b"\x1b[2;5r\x1b[?6h\x1b[2;3H\x1b[6n", b"\x1b[2;3R"),
        (b"\x1b[?6n", b"\x1b[?1;1R"),
        (b"\x1b[>c", b"\x1b[>1;10;0c"),
        (b"\x1b]10;?\x07", b"\x1b]10;rgb:cccc/cccc/cccc\x1b\\"),
        (b"\x1b[18t", b"\x1b[8;6;60t"),
        (b"\x1b[>0q", b"\x1bP>|Kyros\x1b\\"),
        (b"\x1b[?u\x1b[>4;?m\x1bP+q4d73\x1b\\", b""),
    ],
)
def test_a_query_is_answered_as_a_terminal_would(query: bytes, reply: bytes) -> None:
    screen = fed(query)
    assert screen.take_replies() == reply
    assert screen.take_replies() == b""


def test_a_picture_half_drawn_says_so() -> None:
    screen = fed(b"\x1b[?2026hhalf")
    assert screen.is_drawing
    screen.feed(b"\x1b[?2026l")
    assert not screen.is_drawing


def test_what_is_passed_over_is_not_rendered_but_its_modes_and_titles_count() -> None:
    screen = fed(b"before\r\n")
    screen.pass_over(b"\x1b[?2004h\x1b]0;busy\x07" + b"line\r\n" * 50_000 + b"\x1b[6n\x1b[38;2;1;")
    screen.feed(b"2;3mthe end\r\n> ")
    assert screen.live(3) == "before\nthe end\n>"
    assert (screen.takes_pastes, screen.title, screen.take_replies()) == (True, "busy", b"\x1b[2;1R")


def test_a_string_that_never_ends_is_not_kept_for_ever() -> None:
    screen = fed(b"\x1b]0;" + b"x" * 200_000 + b"\r\nafter")
    assert screen.live(1) == "after"


def test_broken_utf8_is_shown_as_such_and_harms_nothing() -> None:
    assert fed(b"a\xff\xfeb").display()[0] == "a\ufffd\ufffdb"


@pytest.mark.parametrize("cast", ["aider", "gemini", "codex", "opencode"], indirect=True)
@pytest.mark.parametrize("size", [1, 7, 4095, 10**6])
def test_a_recorded_program_renders_as_recorded_in_pieces_of_any_size(cast: Cast, size: int) -> None:
    """Rows that name a folder are left out: the recordings replaced paths by shorter ones."""
    screen = Screen(cast.columns, cast.rows)
    wanted = iter(cast.screens)
    name, picture = next(wanted)
    matched = []
    for kind, data in cast.entries:
        if kind == "o":
            printed = data.encode()
            for at in range(0, len(printed), size):
                screen.feed(printed[at : at + size])
        elif kind == "m" and data == name and _alike(screen.display(), picture):
            matched.append(name)
            name, picture = next(wanted, ("", ""))
    assert matched == [name for name, _ in cast.screens]


def _alike(display: list[str], picture: str) -> bool:
    rows = "\n".join(display).strip("\n").split("\n")
    wanted = [row.rstrip() for row in picture.strip("\n").split("\n")]
    return len(rows) == len(wanted) and all(
        row == want or "/home/dev/repo" in want for row, want in zip(rows, wanted, strict=True)
    )


@pytest.mark.parametrize("cast", ["aider", "gemini", "codex", "opencode"], indirect=True)
def test_a_recorded_program_renders_the_same_cut_anywhere(cast: Cast) -> None:
    """Every screenful of it is cut at a place of its own, most of them within a sequence or a sign."""
    data = cast.printed()
    whole, cut = Screen(cast.columns, cast.rows), Screen(cast.columns, cast.rows)
    chance = random.Random(2026)
    at = 0
    while at < len(data):
        end = at + chance.randrange(1, 600)
        whole.feed(data[at:end])
        between = at + chance.randrange(600)
        cut.feed(data[at:between] if between < end else b"")
        cut.feed(data[between:end] if between < end else data[at:end])
        assert cut.display() == whole.display(), (at, end)
        at = end
    fresh = fed(data, columns=cast.columns, rows=cast.rows)
    assert (cut.display(), cut.cursor, cut.title) == (fresh.display(), fresh.cursor, fresh.title)
