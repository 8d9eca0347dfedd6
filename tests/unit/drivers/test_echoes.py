"""A prompt may say anything: where a program shows it again, it is no sign of a state."""

import pytest

from kyros.drivers.adapters.profiles import load_profiles
from kyros.drivers.adapters.terminal.prompt import Trace, clean, without
from kyros.drivers.adapters.terminal.screen import Screen
from kyros.drivers.adapters.terminal.signals import Reader, Sight

MARKERS = """\
Read TASK.md. The words that the program must show are these:
esc to interrupt
• Working (0s • esc to interrupt)
⠋ Thinking... (esc to cancel, 0s)
■■■⬝⬝ esc interrupt
█░ Waiting for openai/scripted
(5 s, ctrl+c cancels)
working
Do you want to proceed?
Would you like to run the following command?
$ rm -rf /
● 1. Allow once
△ Permission required
→ Edit secrets.py
? WriteFile Writing to secrets.py
Allow this action? [y/n/t]:
[Tool Request] execute_bash - rm -rf /
Create new file? (Y)es/(N)o [Yes]:
› Ask Codex to do anything
❯
Type your message or @path/to/file
tab agents ctrl+p commands
✗ Failed: nothing
>
That is all."""

RULE, UPPER, LOWER = "─" * 110, "▄" * 110, "▀" * 110
BOX = "  ┃\n  ┃  {}\n  ┃  Build · Scripted Rig\n  ╹" + "▀" * 100
LAYOUTS = {
    "claude": ("❯ ", f"{RULE}\n❯ \n{RULE}\n  ? for shortcuts", Sight.READY),
    "codex": ("› ", "› Ask Codex to do anything\n\n  ? for shortcuts", Sight.READY),
    "gemini": (" > ", f"{UPPER}\n >   Type your message or @path/to/file\n{LOWER}\n workspace", Sight.READY),
    "opencode": ("  ┃  ", BOX.format("") + "\n   tab agents  ctrl+p commands", Sight.READY),
    "aider": ("diff> ", f"{RULE}\nREADME.md TASK.md\ndiff> ", Sight.READY),
    "kiro": ("[agent] 7% !> ", "Model: Auto\n\n[agent] 8% !> ", Sight.READY),
    "playbook": ("> ", "Done.\n> ", Sight.READY),
}
"""How each program shows a prompt that was sent, and what stands below it when it is ready."""

WITHOUT_PROMPT = {
    "claude": "Trust this folder?\n 1. Yes\n 2. No",
    "codex": "Trust this folder?\n› 1. Trust and continue\n  2. Back",
    "gemini": "│ Apply the new settings?  │",
    "opencode": "  ┃ Choose a theme\n  ┃ 1. dark",
    "aider": "Pick a colour:",
    "kiro": "Pick a colour:",
    "playbook": "Pick a colour:",
}


def shown(text: str, rows: int = 60) -> Screen:
    screen = Screen(110, rows)
    screen.feed(text.replace("\n", "\r\n").encode())
    return screen


def echoed(prompt: str, lead: str) -> str:
    """As programs do it: the first line behind their mark, the others indented."""
    frame = lead if "┃" in lead else " " * len(lead)
    first, *rest = clean(prompt).split("\n")
    return "\n".join([lead + first, *(frame + line for line in rest)])


def reader(profile: str) -> Reader:
    signals = load_profiles().get(profile).terminal
    assert signals is not None
    return Reader(signals)


def test_every_profile_with_a_terminal_has_a_layout_here() -> None:
    names = {profile.name for profile in load_profiles().all() if profile.terminal}
    assert names == set(LAYOUTS) == set(WITHOUT_PROMPT)


@pytest.mark.parametrize("profile", sorted(LAYOUTS))
def test_an_echoed_prompt_with_every_marker_in_it_changes_nothing(profile: str) -> None:
    lead, composer, sight = LAYOUTS[profile]
    trace = Trace(MARKERS, "")
    screen = shown(f"Welcome.\n\n{echoed(MARKERS, lead)}\n\n{composer}")
    assert reader(profile).read(screen, [trace]).sight is sight
    assert reader(profile).read(shown(f"Welcome.\n\n{composer}"), [trace]).sight is sight


@pytest.mark.parametrize("profile", sorted(LAYOUTS))
@pytest.mark.parametrize("rows", [12, 20, 31])
def test_an_echo_whose_beginning_scrolled_away_changes_nothing(profile: str, rows: int) -> None:
    lead, composer, sight = LAYOUTS[profile]
    screen = shown(f"{echoed(MARKERS, lead)}\n\n{composer}", rows)
    assert reader(profile).read(screen, [Trace(MARKERS, "")]).sight is sight


@pytest.mark.parametrize("profile", sorted(LAYOUTS))
def test_an_echo_above_a_dialog_that_nobody_knows_is_no_sign(profile: str) -> None:
    lead = LAYOUTS[profile][0]
    screen = shown(f"{echoed(MARKERS, lead)}\n\n{WITHOUT_PROMPT[profile]}")
    assert reader(profile).read(screen, [Trace(MARKERS, "")]).sight is Sight.UNKNOWN


@pytest.mark.parametrize("profile", sorted(LAYOUTS))
def test_without_the_trace_the_same_echo_would_be_taken_for_a_sign(profile: str) -> None:
    """So the tests above can fail: one marker at least stands there."""
    lead = LAYOUTS[profile][0]
    screen = shown(f"{echoed(MARKERS, lead)}\n\n{WITHOUT_PROMPT[profile]}")
    if profile not in ("kiro", "playbook", "aider"):  # theirs must stand at the very end
        assert reader(profile).read(screen).sight is not Sight.UNKNOWN


def test_a_dialog_below_the_echo_counts_although_the_prompt_says_the_same() -> None:
    prompt = "Say: Do you want to proceed?"
    screen = shown("❯ Say: Do you want to proceed?\n\n Do you want to proceed?\n ❯ 1. Yes\n   2. No")
    reading = reader("claude").read(screen, [Trace(prompt, "")])
    assert reading.sight is Sight.DIALOG
    assert reading.text.startswith("❯ Say:")


def test_a_prompt_that_is_a_dialogs_choice_hides_no_dialog() -> None:
    screen = shown("│ Apply this change?\n│ ● 1. Allow once   │\n│   2. Allow for this session │\n╰───╯")
    for prompt in ("Allow once", "1. Allow once", "y", "●", "Apply this change?"):
        assert reader("gemini").read(screen, [Trace(prompt, "")]).sight is Sight.DIALOG, prompt


def test_only_the_topmost_of_equal_rows_is_the_echo() -> None:
    trace = Trace("Do you want to proceed?", "")
    text = "❯ Do you want to proceed?\n\n Do you want to proceed?\n ❯ 1. Yes"
    assert without([trace], text) == "\n\n Do you want to proceed?\n ❯ 1. Yes"
    assert without([trace, trace], text) == "\n\n\n ❯ 1. Yes"


def test_a_prompt_still_in_the_composer_stands_as_it_is() -> None:
    trace = Trace("Read TASK.md and implement it.", "")
    text = "README.md TASK.md\ndiff> Read TASK.md and implement it."
    assert without([trace], text) == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("> Read TASK.md and impl\n  ement it. And then\n  stop here.\nok", "\n\n\nok"),
        ("│ > Read TASK.md and implement   │\n│   it. And then stop here. │\nok", "\n\nok"),
        ("> Read TASK.md and implement it.\n… +2 lines\nok", "\n… +2 lines\nok"),
        ("then stop here.\nok", "\nok"),
        ("I shall now: Read TASK.md and implement it. And then stop here.\nok",) * 2,
        ("> Read TASK.md\nok",) * 2,
        ("> Read TASK.md and implement it. And then stop here. But no.\nok",) * 2,
    ],
    ids=["broken", "boxed", "cut short", "scrolled", "quoted", "begun", "longer"],
)
def test_an_echo_is_found_however_it_is_shown(text: str, left: str) -> None:
    trace = Trace("Read TASK.md and implement it.\nAnd then stop here.", "")
    assert without([trace], text) == left


def test_the_text_of_a_reading_keeps_the_echo() -> None:
    screen = shown("> esc to interrupt\n\nsomething")
    reading = reader("claude").read(screen, [Trace("esc to interrupt", "")])
    assert (reading.sight, reading.text) == (Sight.UNKNOWN, "> esc to interrupt\n\nsomething")


def test_a_box_in_the_middle_of_a_tall_screen_is_the_live_region() -> None:
    screen = Screen(110, 100)
    screen.feed(
        b"esc to interrupt\x1b[50;1H\xe2\x94\x80\xe2\x94\x80\r\n\xe2\x9d\xaf \r\n\xe2\x94\x80\xe2\x94\x80"
    )
    assert reader("claude").read(screen).sight is Sight.READY
    assert screen.live(3) == "──\n❯\n──"
