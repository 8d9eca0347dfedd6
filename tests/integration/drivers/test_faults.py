"""The terminal driver against output as real programs, and broken ones, throw it at a terminal."""

import textwrap
from pathlib import Path

import pytest

from kyros.drivers.adapters.terminal.driver import TerminalDriver
from kyros.drivers.model import ResultKind, SessionState
from tests.contract.drivers.rigs import PROMPT, Ears, is_gone, launch
from tests.integration.drivers.conftest import MakeProgram

READ_PROMPT = """
write("ready> ")
while (key := os.read(0, 65536)) != b"\\r":
    write(key.decode())
write("\\r\\nworking\\r\\n")
"""
DONE = """
time.sleep(0.1)
write("\\r\\ndone\\r\\nready> ")
os.read(0, 1)
"""

FLOODS = {
    "a_long_line": 'write("x" * 300_000)',
    "ten_megabytes": 'for _ in range(160): write("y" * 65_536)',
    "ten_megabytes_of_lines": 'for _ in range(160): write("some words here\\r\\n" * 4_096)',
    "no_newline_and_colours": 'for _ in range(2_000): write("\\x1b[3%dmred\\x1b[0m" % 1 * 40)',
    "zeros": "os.write(1, bytes(100_000))",
    "junk": "os.write(1, bytes(range(128, 256)) * 500)",
    "a_string_without_end": 'write("\\x1b]0;" + "t" * 200_000); write("\\x07")',
    "cursor_everywhere": 'for n in range(20_000): write("\\x1b[%d;%dH*" % (n % 60, n % 200))',
    "clears": 'for _ in range(3_000): write("\\x1b[2J\\x1b[H" + "z" * 300)',
}


@pytest.mark.parametrize("flood", sorted(FLOODS))
async def test_a_flood_is_taken_and_its_end_is_seen(
    hasty: TerminalDriver, program: MakeProgram, work: Path, flood: str
) -> None:
    ears = Ears()
    settle = '\nwrite("\\x1b[0m\\x1b[2J\\x1b[H")'
    session = await hasty.open(
        program(READ_PROMPT + FLOODS[flood] + settle + DONE), launch(work), ears.listener()
    )
    outcome = await session.turn(PROMPT, 100)
    await session.stop()
    assert (outcome.result, outcome.evidence) == (ResultKind.OK, "ready_prompt"), outcome
    s = SessionState
    assert ears.states == [s.STARTING, s.READY, s.WORKING, s.DONE, s.READY, s.LOST]
    assert ears.output.endswith(b"done\r\nready> ")
    assert all(is_gone(pid) for pid in ears.pids)


async def test_bytes_one_by_one_cut_signs_and_sequences_and_change_nothing(
    hasty: TerminalDriver, program: MakeProgram, work: Path
) -> None:
    source = """
    text = "\\x1b[1;31m漢字 👩‍👩‍👧 ✔️\\x1b[0m \\x1b]0;títle\\x07"
    text += "\\x1b[?2026hOK? \\x1b[32m(y/n)\\x1b[0m\\x1b[?2026l"
    for byte in text.encode():
        os.write(1, bytes([byte]))
        time.sleep(0.002)
    assert os.read(0, 1) == b"y"
    """
    asks = textwrap.dedent(source).replace("OK? ", "\\r\\nOK? ")
    ears = Ears()
    session = await hasty.open(program(READ_PROMPT + asks + DONE), launch(work), ears.listener())
    outcome = await session.turn(PROMPT, 60)
    await session.stop()
    assert outcome.result is ResultKind.OK, outcome
    assert len(ears.requests) == 1


@pytest.mark.parametrize(
    ("ending", "evidence"),
    [
        ("os.kill(os.getpid(), 9)", "signal:SIGKILL"),
        ("os.abort()", "signal:SIGABRT"),
        ("sys.exit(7)", "exit:7"),
    ],
)
async def test_a_crash_in_a_flood_is_lost_with_its_code(
    hasty: TerminalDriver, program: MakeProgram, work: Path, ending: str, evidence: str
) -> None:
    ears = Ears()
    crash = 'for _ in range(50): write("\\x1b[1mx" * 9_000)\n' + ending
    session = await hasty.open(program(READ_PROMPT + crash), launch(work), ears.listener())
    outcome = await session.turn(PROMPT, 60)
    await session.stop()
    assert (outcome.result, outcome.evidence) == (ResultKind.LOST, evidence)
    assert ears.states[-1] is SessionState.LOST


async def test_a_program_that_hangs_and_hears_no_signal_is_gone_in_the_end(
    hasty: TerminalDriver, program: MakeProgram, work: Path
) -> None:
    deaf = """
import signal
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
while True:
    write("working\\r\\n")
    time.sleep(0.05)
"""
    ears = Ears()
    session = await hasty.open(program(READ_PROMPT + deaf), launch(work), ears.listener())
    outcome = await session.turn(PROMPT, 1.0)
    assert outcome.result is ResultKind.TIMED_OUT
    assert all(is_gone(pid) for pid in ears.pids)
    await session.stop()


async def test_ready_can_be_awaited_before_there_is_work(
    hasty: TerminalDriver, program: MakeProgram, work: Path
) -> None:
    session = await hasty.open(program(READ_PROMPT + DONE), launch(work), (ears := Ears()).listener())
    assert await session.ready(20) is None
    assert ears.states == [SessionState.STARTING, SessionState.READY]
    assert (await session.turn(PROMPT, 60)).result is ResultKind.OK
    await session.stop()
    gone = await session.ready(20)
    assert gone is not None
    assert gone.result is ResultKind.CANCELLED


async def test_what_never_comes_to_its_prompt_says_so(
    hasty: TerminalDriver, program: MakeProgram, work: Path
) -> None:
    ears = Ears()
    session = await hasty.open(
        program('write("Do you trust this folder?"); os.read(0, 1)'), launch(work), ears.listener()
    )
    refused = await session.ready(20)
    assert refused is not None
    assert (refused.result, refused.evidence) == (ResultKind.BLOCKED, "not_ready")
    assert "Do you trust this folder?" in refused.note
    assert ears.states[-1] is SessionState.BLOCKED
    await session.stop()
