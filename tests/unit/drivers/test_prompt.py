"""Prompts on their way into a composer."""

from kyros.drivers.adapters.terminal.prompt import Trace, as_line, as_paste


def test_a_paste_cannot_be_ended_from_within() -> None:
    assert as_paste("a\x1b[201~\rb\x03\u009b") == b"\x1b[200~a[201~\rb\x1b[201~"


def test_as_one_line_nothing_is_sent_early() -> None:
    assert as_line("a\r\nb\nc\rd\x04") == b"a b c d"


def test_a_trace_is_found_in_a_box_that_wraps() -> None:
    trace = Trace("Read TASK.md and implement the feature.", "nothing")
    assert trace.is_new_in("│ > Read TASK.md and impl │\n│   ement the feature.    │")


def test_an_older_prompt_of_the_same_words_is_not_new() -> None:
    before = "> Read TASK.md\nDone.\n>"
    trace = Trace("Read TASK.md", before)
    assert not trace.is_new_in(before)
    assert trace.is_new_in(before + " Read TASK.md")


def test_a_placeholder_for_a_long_paste_counts() -> None:
    assert Trace("long\n" * 50, ">").is_new_in("> [Pasted text #1 +50 lines]")
