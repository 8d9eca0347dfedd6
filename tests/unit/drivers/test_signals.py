"""What the shipped profiles see on screens of real programs, and what they do not see in echoes."""

import pytest

from kyros.drivers.adapters.profiles import load_profiles
from kyros.drivers.adapters.terminal.screen import Screen
from kyros.drivers.adapters.terminal.signals import Reader, Reading, Sight
from kyros.drivers.model import ActionKind
from tests.unit.drivers.conftest import Cast


def read(profile: str, text: str) -> Reading:
    screen = Screen(120, 40)
    screen.feed(text.replace("\n", "\r\n").encode())
    signals = load_profiles().get(profile).terminal
    assert signals is not None
    return Reader(signals).read(screen)


PLAYBOOK_DIALOG = "[Tool Request] fs_write - src/a b.py\nAllow this action? [y/n/t]: "


def test_a_dialog_is_read_with_its_subject() -> None:
    reading = read("playbook", f"> do it\n{PLAYBOOK_DIALOG}")
    assert reading.sight is Sight.DIALOG
    assert reading.request is not None
    assert (reading.request.kind, reading.request.subject) == (ActionKind.WRITE, "src/a b.py")


def test_the_subject_nearest_to_the_question_counts() -> None:
    earlier = "[Tool Request] execute_bash - make\nAllow this action? [y/n/t]: y\n"
    request = read("playbook", earlier + PLAYBOOK_DIALOG).request
    assert request is not None
    assert request.kind is ActionKind.WRITE


def test_a_dialog_without_a_known_subject_is_other() -> None:
    request = read("playbook", "Allow this action? [y/n/t]: ").request
    assert request is not None
    assert request.kind is ActionKind.OTHER


@pytest.mark.parametrize(
    "text",
    [
        PLAYBOOK_DIALOG + "y",
        PLAYBOOK_DIALOG + "y\n",
        "> Allow this action? [y/n/t]:",
        "> first\n  Allow this action? [y/n/t]:",
        "  │ Allow this action? [y/n/t]:",
    ],
    ids=["answered", "answered and gone", "typed", "pasted", "printed by a command"],
)
def test_an_answered_or_quoted_dialog_is_none(text: str) -> None:
    assert read("playbook", text).sight is Sight.UNKNOWN


@pytest.mark.parametrize("text", ["> ", "✗ Failed: it did\n> ", "Model: none\n\n> "])
def test_an_empty_prompt_is_ready(text: str) -> None:
    assert read("playbook", text).sight is Sight.READY


@pytest.mark.parametrize("text", ["> hello", "> a\n  >", "  │ >", ">\nThinking", ">" + " " * 119 + "x"])
def test_a_prompt_with_words_or_elsewhere_is_not_ready(text: str) -> None:
    assert read("playbook", text).sight is not Sight.READY


@pytest.mark.parametrize(
    ("text", "sight"),
    [
        ("Model: Auto (/model to change)\n\n> ", Sight.READY),
        ("Model: Auto (/model to change)\n\n[default] 7% !> ", Sight.READY),
        ("[Tool Request] fs_write - Create export button\nAllow this action? [y/n/t]: ", Sight.DIALOG),
        ("Allow this action? Use 't' to trust this tool. [y/n/t]:\n\n> ", Sight.DIALOG),
        ("Allow this action? [y/n/t]:\n\n> t\n\nWriting to app.js...", Sight.UNKNOWN),
        ("> Read TASK.md and implement the feature...\n\nThinking...", Sight.UNKNOWN),
    ],
)
def test_kiro_as_the_documents_show_it(text: str, sight: Sight) -> None:
    assert read("kiro", text).sight is sight


CODEX_EDITS = """
  Would you like to make the following edits?

  Description: Apply proposed file edits
{destinations}
› 1. Yes, proceed (y)
  2. Yes, and don't ask again for these files (a)
  3. No, and tell Codex what to do differently (esc)

  Press enter to confirm or esc to cancel
"""
CLAUDE_WRITES = """
─────────────────────
 Create file
 ../outside.txt
╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌
  1 x
╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌
 Do you want to create outside.txt?
 ❯ 1. Yes
   3. No
"""
CLAUDE_RUNS = """
─────────────────────
 Bash command

 Run shell command
╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌
 echo hi > made.txt
 sudo true
╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌
 Do you want to proceed?
 ❯ 1. Yes
   4. No
"""
OPENCODE_EDITS = """
  ┃  △ Permission required
  ┃    → Edit src/a b.py
  ┃
  ┃  1 + hello
  ┃   Allow once   Allow always   Reject           ctrl+f fullscreen  ⇆ select  enter confirm
"""


@pytest.mark.parametrize(
    ("profile", "text", "kind", "subject"),
    [
        (
            "codex",
            CODEX_EDITS.format(destinations="  Destination: /w/a b.txt"),
            ActionKind.WRITE,
            "/w/a b.txt",
        ),
        ("claude", CLAUDE_WRITES, ActionKind.WRITE, "../outside.txt"),
        ("claude", CLAUDE_RUNS, ActionKind.COMMAND, "echo hi > made.txt\n sudo true"),
        ("opencode", OPENCODE_EDITS, ActionKind.WRITE, "src/a b.py"),
        ("aider", "new.txt\nCreate new file? (Y)es/(N)o [Yes]: ", ActionKind.WRITE, "new.txt"),
        ("aider", "make test\nRun shell command? (Y)es/(N)o [Yes]: ", ActionKind.COMMAND, "make test"),
    ],
    ids=["codex edit", "claude write", "claude command", "opencode edit", "aider new file", "aider command"],
)
def test_what_real_programs_ask_for_is_read_off_their_screens(
    profile: str, text: str, kind: ActionKind, subject: str
) -> None:
    request = read(profile, text).request
    assert request is not None
    assert (request.kind, request.subject) == (kind, subject)


def test_a_prompt_that_gemini_has_queued_is_not_done() -> None:
    queued = "  Queued (press ↑ to edit):\n    Read TASK.md.\n\n >   Type your message or @path/to/file\n"
    assert read("gemini", queued).sight is Sight.BUSY


def test_edits_of_several_files_are_not_judged_by_one_of_them() -> None:
    two = "  Destination: /etc/passwd\n  Destination: /w/a.txt"
    request = read("codex", CODEX_EDITS.format(destinations=two)).request
    assert request is not None
    assert request.kind is ActionKind.OTHER


MOMENTS = {
    "ready": {Sight.READY},
    "done": {Sight.READY},
    "approval": {Sight.DIALOG},
    "busy": {Sight.BUSY},
    "dialog": {Sight.UNKNOWN},
}


@pytest.mark.parametrize("cast", ["aider", "gemini", "codex", "opencode"], indirect=True)
def test_a_recorded_programs_moments_are_recognized(cast: Cast, request: pytest.FixtureRequest) -> None:
    name = request.node.callspec.params["cast"]
    signals = load_profiles().get(name).terminal
    assert signals is not None
    screen, reader = Screen(cast.columns, cast.rows), Reader(signals)
    for kind, data in cast.entries:
        if kind == "o":
            screen.feed(data.encode())
        elif kind == "m" and data in MOMENTS:
            assert reader.read(screen).sight in MOMENTS[data], (data, screen.display())
