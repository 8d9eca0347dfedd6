"""Signs and their cells: wide ones, emoji of several parts, marks, flags, keycaps."""

import re
import unicodedata

import pytest

from kyros.drivers.adapters.terminal.cells import PLAIN, WIDE, joined, width_of
from kyros.drivers.adapters.terminal.screen import Screen


def column_after(text: str) -> int:
    screen = Screen(40, 3)
    screen.feed(text.encode())
    return screen.cursor[1] - 1


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("a", 1),
        ("漢", 2),
        ("한", 2),
        ("\u1112\u1161\u11ab", 2),  # one syllable in three parts
        ("ｆ", 2),
        ("ｶ", 1),
        ("é", 1),
        ("e\u0301\u0323", 1),
        ("\u00ad", 1),
        ("─", 1),
        ("⠋", 1),
        ("⏺", 1),
        ("😀", 2),
        ("\U0001fae9", 2),  # newer than some tables
        ("👍🏽", 2),
        ("👩‍👩‍👧", 2),
        ("👩🏽‍💻", 2),
        ("🏃‍♂️", 2),
        ("🏳️‍🌈", 2),
        ("🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", 2),
        ("🇩🇪", 2),
        ("🇩🇪🇫🇷", 4),
        ("🇩🇪🇫", 4),
        ("✔", 1),
        ("✔️", 2),
        ("❤️", 2),
        ("1️⃣", 2),
        ("#️⃣", 2),
        ("1", 1),
        ("a️", 1),
        ("a\u200db", 2),
        ("👩\u200da", 3),
        ("a🏽", 3),
        ("😀\u0301", 2),
    ],
    ids=lambda value: ascii(value),
)
def test_a_sign_takes_as_many_cells_as_in_real_terminals(text: str, cells: int) -> None:
    assert column_after(text) == cells
    screen = Screen(40, 3)
    screen.feed((text + "|").encode())
    assert screen.display()[0] == text + "|"


@pytest.mark.parametrize("text", ["👩‍👩‍👧", "🏳️‍🌈", "🇩🇪", "✔️", "1️⃣", "👍🏽"], ids=ascii)
def test_a_joined_sign_is_overwritten_as_one(text: str) -> None:
    screen = Screen(40, 3)
    screen.feed(f"{text}b\rx".encode())
    assert screen.display()[0] == "x b"
    screen.feed(f"\r{text}b\x1b[2Gx".encode())
    assert screen.display()[0] == " xb"


def test_a_wide_sign_does_not_fit_into_the_last_column() -> None:
    screen = Screen(5, 3)
    screen.feed("abcd漢e".encode())
    assert screen.display() == ["abcd", "漢e", ""]


def test_an_emoji_style_at_the_edge_has_no_room_to_widen() -> None:
    screen = Screen(3, 3)
    screen.feed("ab✔️c".encode())
    assert screen.display() == ["ab✔️", "c", ""]


def test_a_wide_sign_widened_over_the_next_leaves_a_blank() -> None:
    screen = Screen(10, 2)
    screen.feed("a漢\r✔\ufe0f".encode())
    assert screen.display()[0] == "✔️"


@pytest.mark.parametrize(
    ("function", "row"),
    [
        ("\x1b[2G\x1b[@", "a 漢字"),
        ("\x1b[3G\x1b[@", "a   字"),
        ("\x1b[3G\x1b[P", "a 字"),
        ("\x1b[3G\x1b[X", "a  字"),
        ("\x1b[3G\x1b[K", "a"),
        ("\x1b[2G\x1b[1K", "   字"),
        ("\x1b[5G\x1b[K", "a漢"),
        ("\x1b[1G\x1b[6@", "      a漢"),
    ],
    ids=ascii,
)
def test_half_of_a_wide_sign_erased_leaves_a_blank(function: str, row: str) -> None:
    screen = Screen(10, 2)
    screen.feed(f"a漢字{function}".encode())
    assert screen.display()[0] == row


def test_a_mark_before_everything_is_dropped() -> None:
    screen = Screen(10, 2)
    screen.feed("\u0301a".encode())
    assert screen.display()[0] == "a"


def test_plain_and_wide_signs_are_what_their_names_say() -> None:
    signs = [chr(number) for number in range(32, 0x10000) if not 0xD800 <= number < 0xE000]
    for pattern, width in ((PLAIN, 1), (WIDE, 2)):
        found = [sign for sign in signs if re.match(f"[{pattern}]", sign)]
        assert len(found) > 1_000
        assert [sign for sign in found if width_of(sign) != width] == []
        assert [sign for sign in found if unicodedata.category(sign) == "Cn"] == []
        assert [sign for sign in found if joined("👩\u200d", sign) or joined("a", sign)] == []
