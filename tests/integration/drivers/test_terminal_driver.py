"""The terminal driver against programs that swallow, ask, stay silent, flood, or do not die."""

import asyncio
from dataclasses import replace
from pathlib import Path

import uvloop

from kyros.drivers.adapters.driver import AgentDriver
from kyros.drivers.adapters.profiles import load_profiles
from kyros.drivers.adapters.terminal.driver import TerminalDriver
from kyros.drivers.model import (
    ActionKind,
    ApprovalRequest,
    Decision,
    Outcome,
    Profile,
    ResultKind,
    TerminalSignals,
)
from tests.contract.drivers.rigs import PROMPT, Ears, is_gone, launch
from tests.integration.drivers.conftest import SIGNALS, MakeProgram

ECHO_AND_WORK = """
write("ready> ")
while key := os.read(0, 65536):
    if key == b"\\r":
        write("\\r\\nworking\\r\\ndone\\r\\nready> ")
    else:
        write(key.decode())
"""


async def _turn(
    driver: TerminalDriver, profile: Profile, work: Path, ears: Ears | None = None, prompt: str = PROMPT
) -> Outcome:
    session = await driver.open(profile, launch(work), (ears or Ears()).listener())
    try:
        return await session.turn(prompt, 60)
    finally:
        await session.stop()


async def _playbook(work: Path, task: str, ears: Ears) -> Outcome:
    (work / "TASK.md").write_text(task)
    session = await AgentDriver().open(load_profiles().get("playbook"), launch(work), ears.listener())
    try:
        return await session.turn(PROMPT, 60)
    finally:
        await session.stop()


async def test_a_simple_program_works(hasty: TerminalDriver, program: MakeProgram, work: Path) -> None:
    outcome = await _turn(hasty, program(ECHO_AND_WORK), work)
    assert (outcome.result, outcome.evidence) == (ResultKind.OK, "ready_prompt")


async def test_work_too_quick_to_be_seen_is_done_all_the_same(
    hasty: TerminalDriver, program: MakeProgram, work: Path
) -> None:
    silent = ECHO_AND_WORK.replace("working\\r\\n", "")
    assert (await _turn(hasty, program(silent), work)).result is ResultKind.OK


async def test_a_program_that_swallows_the_prompt_gets_no_enter(
    hasty: TerminalDriver, program: MakeProgram, work: Path
) -> None:
    source = """
    write("ready> ")
    while key := os.read(0, 65536):
        with open("keys", "ab") as file:
            file.write(key)
    """
    outcome = await _turn(hasty, program(source), work)
    assert (outcome.result, outcome.evidence) == (ResultKind.FAILED, "not_accepted")
    assert "ready>" in outcome.note
    keys = (work / "keys").read_bytes()
    assert keys == PROMPT.encode()


async def test_a_late_dialog_gets_no_enter(hasty: TerminalDriver, program: MakeProgram, work: Path) -> None:
    source = """
    write("ready> ")
    os.read(0, 65536)
    write("\\x1b[2J\\x1b[HDo you trust this folder? 1. Yes  2. No")
    while key := os.read(0, 65536):
        open("keys", "ab").write(key)
    """
    outcome = await _turn(hasty, program(source), work)
    assert (outcome.result, outcome.evidence) == (ResultKind.FAILED, "not_accepted")
    assert "Do you trust" in outcome.note
    assert not (work / "keys").exists()


async def test_a_dialog_over_the_typed_prompt_gets_no_enter(
    hasty: TerminalDriver, program: MakeProgram, work: Path
) -> None:
    source = """
    write("ready> ")
    write(os.read(0, 65536).decode())
    time.sleep(0.05)
    write("\\x1b[2J\\x1b[HDo you trust this folder? 1. Yes  2. No")
    while key := os.read(0, 65536):
        open("keys", "ab").write(key)
    """
    outcome = await _turn(hasty, program(source, replace(SIGNALS, submit_settle_ms=400)), work)
    assert (outcome.result, outcome.evidence) == (ResultKind.FAILED, "not_accepted")
    assert not (work / "keys").exists()


async def test_a_prompt_that_stays_in_an_input_box_which_always_looks_ready_was_not_taken(
    hasty: TerminalDriver, program: MakeProgram, work: Path
) -> None:
    source = """
    write("ready> ")
    while key := os.read(0, 65536):
        write(key.replace(b"\\r", b"").decode())
    """
    outcome = await _turn(hasty, program(source, replace(SIGNALS, ready="ready>")), work)
    assert (outcome.result, outcome.evidence) == (ResultKind.FAILED, "not_accepted")


async def test_an_enter_without_effect_is_not_repeated(
    hasty: TerminalDriver, program: MakeProgram, work: Path
) -> None:
    source = """
    write("ready> ")
    while key := os.read(0, 65536):
        open("keys", "ab").write(key)
        write(key.replace(b"\\r", b"").decode())
    """
    outcome = await _turn(hasty, program(source), work)
    assert (outcome.result, outcome.evidence) == (ResultKind.FAILED, "not_accepted")
    assert (work / "keys").read_bytes().count(b"\r") == 1


async def test_an_unknown_dialog_at_the_start_blocks_with_its_screen(
    hasty: TerminalDriver, program: MakeProgram, work: Path
) -> None:
    source = """
    write("Paste your API key:")
    while key := os.read(0, 65536):
        open("keys", "ab").write(key)
    """
    outcome = await _turn(hasty, program(source), work)
    assert (outcome.result, outcome.evidence) == (ResultKind.BLOCKED, "not_ready")
    assert "Paste your API key:" in outcome.note
    assert not (work / "keys").exists()


async def test_an_unknown_dialog_in_the_middle_blocks_with_its_screen(
    hasty: TerminalDriver, program: MakeProgram, work: Path
) -> None:
    source = ECHO_AND_WORK.replace("working\\r\\ndone\\r\\nready> ", "working\\r\\nPick a colour: ")
    outcome = await _turn(hasty, program(source), work)
    assert (outcome.result, outcome.evidence) == (ResultKind.BLOCKED, "unknown_dialog")
    assert "Pick a colour:" in outcome.note


async def test_silence_while_the_busy_sign_stands_is_no_dialog(
    hasty: TerminalDriver, program: MakeProgram, work: Path
) -> None:
    source = """
    write("ready> ")
    while key := os.read(0, 65536):
        if key == b"\\r":
            write("\\r\\nworking")
            time.sleep(2)
            write("\\r\\ndone\\r\\nready> ")
        else:
            write(key.decode())
    """
    assert (await _turn(hasty, program(source), work)).result is ResultKind.OK


async def test_a_dialog_that_ignores_its_answer_blocks_and_is_answered_once(
    hasty: TerminalDriver, program: MakeProgram, work: Path
) -> None:
    source = """
    write("OK? (y/n) ")
    while key := os.read(0, 65536):
        open("keys", "ab").write(key)
    """
    outcome = await _turn(hasty, program(source), work)
    assert (outcome.result, outcome.evidence) == (ResultKind.BLOCKED, "approval_not_taken")
    assert (work / "keys").read_bytes() == b"y"


async def test_a_dialog_that_goes_while_it_is_decided_gets_no_key(
    hasty: TerminalDriver, program: MakeProgram, work: Path
) -> None:
    source = """
    write("OK? (y/n) ")
    time.sleep(0.5)
    write("\\r\\n(answered by somebody else)\\r\\nready> ")
    while key := os.read(0, 65536):
        open("keys", "ab").write(key)
        write("\\r\\nworking\\r\\nready> " if key == b"\\r" else key.decode())
    """
    ears = Ears()
    never = asyncio.Event()
    listener = replace(ears.listener(), decide=lambda request: never.wait())  # type: ignore[arg-type,return-value]
    session = await hasty.open(program(source), launch(work), listener)
    outcome = await session.turn(PROMPT, 30)
    await session.stop()
    assert outcome.result is ResultKind.OK
    assert (work / "keys").read_bytes() == PROMPT.encode() + b"\r"


async def test_a_dialog_that_is_drawn_anew_while_it_is_decided_is_answered_once(
    hasty: TerminalDriver, program: MakeProgram, work: Path
) -> None:
    source = """
    import select
    dialog = "OK? (y/n) "
    write(dialog)
    time.sleep(0.3)
    write("\\x1b[2J\\x1b[Hone moment\\r\\n\\x1b[2J\\x1b[H" + dialog)
    open("keys", "ab").write(os.read(0, 1))
    time.sleep(0.4)
    while select.select([0], [], [], 0)[0]:
        open("keys", "ab").write(os.read(0, 1))
    write("\\r\\nready> ")
    while key := os.read(0, 65536):
        write("\\r\\nworking\\r\\nready> " if key == b"\\r" else key.decode())
    """

    asked = []

    async def decide(request: ApprovalRequest) -> Decision:
        asked.append(request)
        await asyncio.sleep(0.6)
        return Decision(True, "test")

    session = await hasty.open(program(source), launch(work), replace(Ears().listener(), decide=decide))
    outcome = await session.turn(PROMPT, 30)
    await session.stop()
    assert outcome.result is ResultKind.OK
    assert (len(asked), (work / "keys").read_bytes()) == (1, b"y")


async def test_a_program_that_ends_at_the_start_is_lost_with_its_last_words(
    hasty: TerminalDriver, program: MakeProgram, work: Path
) -> None:
    outcome = await _turn(hasty, program('write("Please sign in first.\\r\\n"); sys.exit(3)'), work)
    assert (outcome.result, outcome.evidence) == (ResultKind.LOST, "exit:3")
    assert "Please sign in first." in outcome.note


async def test_a_program_that_dies_while_a_person_decides_is_lost(
    hasty: TerminalDriver, program: MakeProgram, work: Path
) -> None:
    never = asyncio.Event()
    listener = replace(Ears().listener(), decide=lambda request: never.wait())  # type: ignore[arg-type,return-value]
    session = await hasty.open(program('write("OK? (y/n) "); time.sleep(0.5)'), launch(work), listener)
    outcome = await session.turn(PROMPT, 30)
    await session.stop()
    assert outcome.result is ResultKind.LOST


async def test_a_child_that_ignores_sigterm_is_gone_after_stop(
    hasty: TerminalDriver, program: MakeProgram, work: Path
) -> None:
    source = """
    import signal
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        write("ready> ")
        while True:
            time.sleep(1)
    time.sleep(1000)
    """
    ears = Ears()
    session = await hasty.open(program(source), launch(work), ears.listener())
    while b"ready>" not in ears.output:
        await asyncio.sleep(0.01)
    assert not is_gone(ears.pids[0])
    await session.stop()
    assert is_gone(ears.pids[0])


async def test_what_a_program_leaves_behind_with_the_terminal_open_does_not_hide_its_end(
    hasty: TerminalDriver, program: MakeProgram, work: Path
) -> None:
    source = """
    if os.fork() == 0:
        time.sleep(1000)
    write("leaving a child behind")
    sys.exit(1)
    """
    outcome = await _turn(hasty, program(source), work)
    assert (outcome.result, outcome.evidence) == (ResultKind.LOST, "exit:1")


async def test_a_line_reading_program_gets_a_long_prompt_whole(
    hasty: TerminalDriver, plain_program: MakeProgram, work: Path
) -> None:
    source = """
    while True:
        write("ready> ")
        line = ""
        while (sign := sys.stdin.read(1)) != "\\n":
            line += sign
            write(sign)
        open("prompt", "w").write(line)
        write("\\nworking\\n")
    """
    prompt = "word " * 2000 + "end"
    assert (await _turn(hasty, plain_program(source), work, prompt=prompt)).result is ResultKind.OK
    assert (work / "prompt").read_text() == prompt


async def test_without_bracketed_paste_lines_become_one(
    hasty: TerminalDriver, program: MakeProgram, work: Path
) -> None:
    source = ECHO_AND_WORK.replace(
        "write(key.decode())", 'open("keys", "ab").write(key); write(key.decode())'
    )
    outcome = await _turn(hasty, program(source), work, prompt="one\ntwo\r\nthree\x1b[A")
    assert outcome.result is ResultKind.OK
    assert (work / "keys").read_bytes() == b"one two three[A"


async def test_an_empty_prompt_is_refused(hasty: TerminalDriver, program: MakeProgram, work: Path) -> None:
    outcome = await _turn(hasty, program(ECHO_AND_WORK), work, prompt=" \n\x1b")
    assert outcome.evidence == "not_accepted"


async def test_a_half_drawn_dialog_is_read_when_it_is_whole(
    hasty: TerminalDriver, program: MakeProgram, work: Path
) -> None:
    source = """
    write("\\x1b[5;1HOK? (y/n) ")
    time.sleep(0.01)
    write("\\x1b[4;1Hwrite: a.txt\\x1b[5;11H")
    os.read(0, 1)
    write("\\x1b[2J\\x1b[Hready> ")
    while key := os.read(0, 65536):
        write("\\r\\nworking\\r\\nready> " if key == b"\\r" else key.decode())
    """
    ears = Ears()
    signals = replace(SIGNALS, write_subject=r"^write: (.+)$", submit_settle_ms=150)
    outcome = await _turn(hasty, program(source, signals), work, ears)
    assert outcome.result is ResultKind.OK
    assert [(request.kind, request.subject) for request in ears.requests] == [(ActionKind.WRITE, "a.txt")]


async def test_a_program_without_a_busy_sign_is_done_at_its_prompt(
    hasty: TerminalDriver, program: MakeProgram, work: Path
) -> None:
    signals = TerminalSignals(
        ready=r"^(?:\[[^\]\n]+\] )?(?:\d+% )?!?>\Z",
        busy=None,
        approval=None,
        submit_settle_ms=20,
        done_settle_ms=50,
    )
    source = """
    write("[agent] 12% !> ")
    while key := os.read(0, 65536):
        if key == b"\\r":
            write("\\r\\nthinking of it")
            time.sleep(0.3)
            write("\\r\\nDone.\\r\\n[agent] 13% !> ")
        else:
            write(key.decode())
    """
    assert (await _turn(hasty, program(source, signals), work)).result is ResultKind.OK


async def test_a_flood_hides_no_request(work: Path) -> None:
    task = "```sh run\nyes 'a > b [y/n/t]: Model:' | head -c 4000000\n```\n```sh run\ntrue\n```\n"
    ears = Ears()
    outcome = await _playbook(work, task, ears)
    assert outcome.result is ResultKind.OK, outcome.note
    assert len(ears.requests) == 2
    assert len(ears.output) > 4_000_000


async def test_a_commands_output_cannot_pass_for_a_prompt(work: Path) -> None:
    task = (
        "```sh run\n"
        r"printf '\033[2J\033[H> '; printf '\r> '; printf '\nAllow this action? [y/n/t]: '; sleep 1; false"
        "\n```\n"
    )
    ears = Ears()
    outcome = await _playbook(work, task, ears)
    assert outcome.result is ResultKind.FAILED
    assert "exit code 1" in outcome.note
    assert len(ears.requests) == 1


async def test_the_whole_command_is_shown_for_approval(work: Path) -> None:
    ears = Ears()
    await _playbook(work, "```sh run\nset -e\necho one\n\necho two\n```\n", ears)
    assert ears.requests[0].kind is ActionKind.COMMAND
    assert [line.strip() for line in ears.requests[0].subject.splitlines()] == [
        "set -e",
        "echo one",
        "",
        "echo two",
    ]


async def test_a_daemon_left_by_a_command_does_not_hold_the_turn(work: Path) -> None:
    ears = Ears()
    outcome = await _playbook(work, "```sh run\nsleep 1000 &\n```\n", ears)
    assert outcome.result is ResultKind.OK
    assert is_gone(ears.pids[0])


def test_it_works_on_uvloop_too(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    outcome = uvloop.run(_playbook(work, "```text file=a\na\n```\n", Ears()))
    assert outcome.result is ResultKind.OK
