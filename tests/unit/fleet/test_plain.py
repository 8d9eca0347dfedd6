"""What a terminal was sent, as plain text; what an agent said, out of it."""

import pytest

from kyros.drivers.model import Decision, Entry, EntryKind, SessionState, State
from kyros.drivers.ports import Listener
from kyros.fleet.model import plain
from kyros.fleet.service.heard import Heard


@pytest.mark.parametrize(
    ("sent", "reads"),
    [
        ("\x1b[1;31mred\x1b[0m\r\n", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]7501;x\x1b\\text", "text"),
        ("10%\r50%\r100%\r\ndone", "100%\ndone"),
        ("a\x1b[2K\rb", "b"),
        ("\n\n  kept  \n\n", "  kept"),
        ("\x1bPq#0\x1b\\after", "after"),
        ("bell\x07 \u009b", "bell"),
        ("cut off \x1b[3", "cut off"),
    ],
    ids=["colour", "title", "osc", "progress", "erased", "blank", "device", "bell", "cut"],
)
def test_a_terminals_text_is_what_stood_there_in_the_end(sent: str, reads: str) -> None:
    assert plain(sent) == reads


def listener(heard: Heard) -> Listener:
    async def decide(_: object) -> Decision:
        return Decision(True, "x")

    quiet = Listener(lambda data: None, lambda state: None, decide)
    return heard.beside(quiet, lambda text: text.replace("hunter2", "•••"))


def test_a_banner_answers_nothing() -> None:
    heard = Heard()
    to = listener(heard)
    to.output(b"banner\r\n> ")
    to.state(State(SessionState.WORKING))
    to.output("ans\x1b[0mwer 🦉\r\n".encode())
    to.state(State(SessionState.BLOCKED))
    to.state(State(SessionState.WORKING))
    assert heard.text == "answer 🦉"


def test_what_was_lent_is_not_heard_though_colours_break_it_up() -> None:
    heard = Heard()
    to = listener(heard)
    to.output(b"the key is hun\x1b[1mter2")
    assert heard.text == "the key is •••"
    to.note(Entry(EntryKind.MESSAGE, "It is hunter2."))
    assert heard.text == "It is •••."


def test_the_last_message_is_the_answer_whole_even_in_pieces() -> None:
    heard = Heard()
    to = listener(heard)
    to.output(b"noise")
    for entry in (
        Entry(EntryKind.MESSAGE, "first"),
        Entry(EntryKind.MESSAGE, "the ", "m2"),
        Entry(EntryKind.TOOL_CALL, "ls"),
        Entry(EntryKind.MESSAGE, "last", "m2"),
    ):
        to.note(entry)
    assert heard.text == "the last"
