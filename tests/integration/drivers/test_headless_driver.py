"""The JSON driver against programs that linger, hang up, die quietly, or say nothing."""

import sys
from pathlib import Path

import pytest

from kyros.drivers.adapters.headless.driver import HeadlessDriver
from kyros.drivers.model import HeadlessSpec, Outcome, Profile, ResultKind, Tier
from tests.contract.drivers.rigs import Ears, is_gone, launch

DONE = 'print(\'{"type":"turn.completed","usage":{"input_tokens":5,"output_tokens":2}}\', flush=True)\n'


def profile(source: str, spec: HeadlessSpec | None = None) -> Profile:
    return Profile(
        name="program",
        title="Program",
        command=(sys.executable, "-P", "-c", "import os, sys, time\n" + source),
        tiers=(Tier.HEADLESS,),
        is_model=False,
        install_hint="",
        headless=spec or HeadlessSpec(("{prompt}",), "codex"),
    )


async def turn(folder: Path, given: Profile, prompt: str = "Do it.", ears: Ears | None = None) -> Outcome:
    session = await HeadlessDriver(linger_seconds=0.5).open(
        given, launch(folder), (ears or Ears()).listener()
    )
    try:
        return await session.turn(prompt, 60)
    finally:
        await session.stop()


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


async def test_a_reported_result_is_success_with_its_usage(work: Path) -> None:
    outcome = await turn(work, profile(DONE))
    assert (outcome.result, outcome.evidence) == (ResultKind.OK, "vendor_result")
    assert outcome.usage.input_tokens == 5
    assert outcome.usage.cost_usd is None


async def test_exit_0_without_a_result_is_no_success(work: Path) -> None:
    outcome = await turn(work, profile("sys.stderr.write('401 unauthorized')"))
    assert (outcome.result, outcome.evidence) == (ResultKind.FAILED, "exit:0")
    assert "401 unauthorized" in outcome.note


async def test_an_exit_code_without_a_result_fails_with_the_last_words(work: Path) -> None:
    outcome = await turn(work, profile("sys.stderr.write('Invalid auth method selected.\\n'); sys.exit(41)"))
    assert (outcome.result, outcome.evidence) == (ResultKind.FAILED, "exit:41")
    assert "Invalid auth method selected." in outcome.note


async def test_a_program_that_hangs_after_its_result_has_succeeded_and_is_stopped(work: Path) -> None:
    ears = Ears()
    source = "import subprocess\n" + DONE + "subprocess.Popen(['sleep', '1000'])\ntime.sleep(1000)"
    outcome = await turn(work, profile(source), ears=ears)
    assert outcome.result is ResultKind.OK
    assert is_gone(ears.pids[0])


async def test_a_child_that_keeps_the_pipe_does_not_hold_the_turn(work: Path) -> None:
    outcome = await turn(work, profile("if os.fork() == 0:\n    time.sleep(1000)\n" + DONE))
    assert outcome.result is ResultKind.OK


async def test_the_prompt_is_one_argument_whatever_it_holds(work: Path) -> None:
    prompt = "$(touch x) `y` \"q\" 'q' \n --flag {prompt} ünïcode"
    await turn(work, profile("open('prompt', 'w').write(sys.argv[1])\n" + DONE), prompt)
    assert (work / "prompt").read_text() == prompt
    assert sorted(file.name for file in work.iterdir()) == ["prompt"]


async def test_a_prompt_on_stdin_is_whole_and_ends(work: Path) -> None:
    spec = HeadlessSpec((), "codex", prompt_on_stdin=True)
    prompt = "word " * 100_000
    await turn(work, profile("open('prompt', 'w').write(sys.stdin.read())\n" + DONE, spec), prompt)
    assert (work / "prompt").read_text() == prompt


async def test_stdin_is_empty_when_the_prompt_is_an_argument(work: Path) -> None:
    outcome = await turn(work, profile("assert sys.stdin.read() == ''\n" + DONE))
    assert outcome.result is ResultKind.OK


async def test_a_prompt_too_long_for_an_argument_is_not_accepted(work: Path) -> None:
    outcome = await turn(work, profile(DONE), "x" * 3_000_000)
    assert (outcome.result, outcome.evidence) == (ResultKind.FAILED, "not_accepted")


async def test_a_program_that_hangs_up_on_us_is_judged_by_its_end(work: Path) -> None:
    spec = HeadlessSpec((), "claude")
    outcome = await turn(work, profile("os.close(0); time.sleep(0.2); sys.exit(2)", spec), "x" * 500_000)
    assert outcome.evidence == "exit:2"


async def test_output_reaches_the_listener_as_lines_of_text(work: Path) -> None:
    ears = Ears()
    event = '{"type":"item.completed","item":{"type":"agent_message","text":"Hello\\\\nyou"}}'
    await turn(work, profile(f"print('junk')\nprint('{event}')\n" + DONE), ears=ears)
    assert bytes(ears.output) == b"junk\r\nHello\r\nyou\r\n"
