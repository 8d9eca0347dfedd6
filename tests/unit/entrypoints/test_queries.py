"""What a program asks of a terminal is taken out, however it is cut; what it shows stays as it is."""

import pytest

from kyros.entrypoints.cli.queries import WithoutQueries

QUERIES = [
    b"\x05", b"\x1bZ", b"\x1b[c", b"\x1b[0c", b"\x1b[>c", b"\x1b[=0c", b"\x1b[5n", b"\x1b[6n", b"\x1b[?6n",
    b"\x1b[?2004$p", b"\x1b[18t", b"\x1b[x", b"\x1b[1;1;1;1;1;1*y", b"\x1b[?u", b"\x1b[>0q", b"\x1b[?1;1S",
    b"\x1b]10;?\x07", b"\x1b]11;?\x1b\\", b"\x1b]4;1;?\x07", b"\x1b]52;c;?\x07", b"\x1b]52;c;Zm9v\x07",
    b"\x1b]1337;ReportCellSize\x07", b"\x1bP$qm\x1b\\", b"\x1bP+q544e\x1b\\", b"\x1b_Ga=q,i=1;AAAA\x1b\\",
    b"\x1b[\n6n", b"\x1b[\x1b[6n6n",
]  # fmt: skip
SHOWN = [
    b"plain \xc3\xa9 cnxt", b"\x1b[31mred\x1b[0m", b"\x1b[2J\x1b[1;1H", b"\x1b[?1049h", b"\x1b[2 q",
    b"\x1b[4S", b"\x1b]2;what now?\x07", b"\x1b]8;;http://a/?b\x1b\\a", b"\x1b7\x1b8", b"\x1b[u", b"\x1b(B",
]  # fmt: skip


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_is_taken_out_wherever_it_is_cut(query: bytes) -> None:
    for cut in range(len(query) + 1):
        show = WithoutQueries()
        shown = show(b"a" + query[:cut]) + show(query[cut:] + b"b")
        assert WithoutQueries()(shown) == shown
        assert shown.replace(b"\x18", b"") in (b"ab", b"a\x1b[6nb")  # the latter has a cancel in it


@pytest.mark.parametrize("shown", SHOWN)
def test_what_is_shown_stays(shown: bytes) -> None:
    for cut in range(len(shown) + 1):
        show = WithoutQueries()
        assert show(b"a" + shown[:cut]) + show(shown[cut:] + b"b") == b"a" + shown + b"b"


def test_what_never_ends_is_not_held_for_ever() -> None:
    show = WithoutQueries()
    assert show(b"\x1b]52;c;" + b"A" * 2_000_000) == b""
    assert show(b"after") == b"after"
