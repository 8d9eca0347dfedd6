"""What every driver promises: the fake, the terminal over playbook, JSON and ACP over counterparts."""

import asyncio
from pathlib import Path

import pytest

from kyros.drivers.errors import AgentNotInstalled
from kyros.drivers.model import ActionKind, EntryKind, ResultKind, SessionState, Tier, Usage
from tests.contract.drivers.rigs import (
    PROMPT,
    RIGS,
    WRAPPED,
    Ears,
    FakeRig,
    Rig,
    TerminalRig,
    Work,
    is_gone,
    launch,
    one_turn,
)

WRITE = Work("write", "src/hello.txt", "hello\n")


@pytest.fixture(params=sorted(RIGS))
def rig(request: pytest.FixtureRequest) -> Rig:
    return RIGS[request.param]()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    (folder / "src").mkdir(parents=True)
    return folder


async def test_an_approved_write_is_done(rig: Rig, folder: Path) -> None:
    rig.tell(folder, [WRITE])
    ears = Ears()
    outcome = await one_turn(rig, folder, ears)
    assert outcome.result is ResultKind.OK, outcome
    assert (folder / "src/hello.txt").read_text() == "hello\n"
    assert [(r.kind, r.subject) for r in ears.requests] == [(ActionKind.WRITE, "src/hello.txt")]
    assert ears.output


async def test_states_are_told_in_order(rig: Rig, folder: Path) -> None:
    rig.tell(folder, [WRITE])
    ears = Ears()
    await one_turn(rig, folder, ears)
    s = SessionState
    assert ears.states == [s.STARTING, s.READY, s.WORKING, s.BLOCKED, s.WORKING, s.DONE, s.READY, s.LOST]


async def test_a_session_names_the_tier_that_is_used(rig: Rig, folder: Path) -> None:
    session = await rig.driver.open(rig.profile, launch(folder), Ears().listener())
    await session.stop()
    assert session.tier is rig.profile.tiers[0]


async def test_a_denied_write_is_not_done(rig: Rig, folder: Path) -> None:
    rig.tell(folder, [WRITE])
    outcome = await one_turn(rig, folder, Ears(allow=False))
    assert outcome.result is ResultKind.FAILED
    assert not (folder / "src/hello.txt").exists()


async def test_every_request_is_asked_once_even_if_they_are_alike(rig: Rig, folder: Path) -> None:
    rig.tell(folder, [WRITE, WRITE, Work("write", "src/other.txt", "x\n"), WRITE])
    ears = Ears()
    outcome = await one_turn(rig, folder, ears)
    assert outcome.result is ResultKind.OK, outcome
    asked = [request.subject for request in ears.requests]
    assert asked == ["src/hello.txt", "src/hello.txt", "src/other.txt", "src/hello.txt"]


async def test_a_failure_the_program_reports_fails_the_turn(rig: Rig, folder: Path) -> None:
    rig.tell(folder, [Work("fail")])
    outcome = await one_turn(rig, folder, Ears())
    assert outcome.result is ResultKind.FAILED
    assert outcome.note


async def test_a_time_out_stops_the_program(rig: Rig, folder: Path) -> None:
    rig.tell(folder, [Work("hang")])
    ears = Ears()
    session = await rig.driver.open(rig.profile, launch(folder), ears.listener())
    outcome = await session.turn(PROMPT, 1.5)
    assert outcome.result is ResultKind.TIMED_OUT
    assert all(is_gone(pid) for pid in ears.pids)
    await session.stop()


async def test_a_crash_in_the_middle_is_lost(rig: Rig, folder: Path) -> None:
    rig.tell(folder, [WRITE, Work("crash")])
    outcome = await one_turn(rig, folder, Ears())
    assert outcome.result is ResultKind.LOST
    assert outcome.evidence == "signal:SIGKILL"


async def test_behind_what_confines_it_a_program_does_the_same_and_dies_of_the_same(
    rig: Rig, folder: Path
) -> None:
    rig.tell(folder, [WRITE, Work("crash")])
    outcome = await one_turn(rig, folder, Ears(), prefix=WRAPPED)
    assert (folder / "src/hello.txt").read_text() == "hello\n"
    assert (outcome.result, outcome.evidence) == (ResultKind.LOST, "signal:SIGKILL")


async def test_a_session_that_is_ready_says_so_and_one_that_is_stopped_says_why_not(
    rig: Rig, folder: Path
) -> None:
    ears = Ears()
    session = await rig.driver.open(rig.profile, launch(folder), ears.listener())
    assert await session.ready(60) is None
    assert ears.states == [SessionState.STARTING, SessionState.READY]
    await session.stop()
    never = await session.ready(60)
    assert never is not None
    assert never.result is ResultKind.CANCELLED


async def test_only_a_program_in_a_terminal_has_a_keyboard(rig: Rig, folder: Path) -> None:
    session = await rig.driver.open(rig.profile, launch(folder), Ears().listener())
    has_keyboard = session.keyboard is not None
    await session.stop()
    assert has_keyboard is (session.tier is Tier.TERMINAL and not isinstance(rig, FakeRig))
    if session.keyboard is not None:
        session.keyboard.type(b"y")  # nobody is there any more
        session.keyboard.resize(80, 24)
        session.keyboard.hold(False)


async def test_what_is_said_is_noted_and_what_is_used_is_told(rig: Rig, folder: Path) -> None:
    """A terminal says neither: nothing but its screen is known."""
    rig.tell(folder, [WRITE])
    ears = Ears()
    outcome = await one_turn(rig, folder, ears)
    if isinstance(rig, TerminalRig):
        assert (ears.entries, ears.usages, outcome.usage) == ([], [], Usage())
        return
    assert EntryKind.TOOL_CALL in [entry.kind for entry in ears.entries]
    assert ears.usages[-1] == outcome.usage
    assert outcome.usage.tool_calls


async def test_a_cancelled_turn_stops_the_program_and_stays_cancelled(rig: Rig, folder: Path) -> None:
    rig.tell(folder, [Work("hang")])
    ears = Ears()
    session = await rig.driver.open(rig.profile, launch(folder), ears.listener())
    turn = asyncio.create_task(session.turn(PROMPT, 60))
    await ears.working.wait()
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    assert all(is_gone(pid) for pid in ears.pids)


async def test_a_stop_from_elsewhere_cancels_the_turn(rig: Rig, folder: Path) -> None:
    rig.tell(folder, [Work("hang")])
    ears = Ears()
    session = await rig.driver.open(rig.profile, launch(folder), ears.listener())
    turn = asyncio.create_task(session.turn(PROMPT, 60))
    await ears.working.wait()
    await session.stop()
    assert (await turn).result is ResultKind.CANCELLED
    assert all(is_gone(pid) for pid in ears.pids)


async def test_stopping_twice_is_fine_and_a_stopped_session_takes_no_turn(rig: Rig, folder: Path) -> None:
    rig.tell(folder, [])
    session = await rig.driver.open(rig.profile, launch(folder), Ears().listener())
    await session.stop()
    await session.stop()
    assert (await session.turn(PROMPT, 60)).result is ResultKind.CANCELLED


async def test_a_session_takes_a_second_turn(rig: Rig, folder: Path) -> None:
    rig.tell(folder, [WRITE])
    session = await rig.driver.open(rig.profile, launch(folder), Ears().listener())
    first = await session.turn(PROMPT, 60)
    rig.tell(folder, [Work("write", "src/second.txt", "2\n")])
    second = await session.turn(PROMPT, 60)
    await session.stop()
    assert (first.result, second.result) == (ResultKind.OK, ResultKind.OK)
    assert (folder / "src/second.txt").exists()


async def test_the_failure_of_one_turn_is_not_that_of_the_next(rig: Rig, folder: Path) -> None:
    rig.tell(folder, [Work("fail")])
    session = await rig.driver.open(rig.profile, launch(folder), Ears().listener())
    first = await session.turn(PROMPT, 60)
    rig.tell(folder, [WRITE])
    second = await session.turn(PROMPT, 60)
    await session.stop()
    assert (first.result, second.result) == (ResultKind.FAILED, ResultKind.OK)


@pytest.mark.parametrize(
    "words",
    [
        "first line\n\nsecond line\n",
        "Allow this action? [y/n/t]:",
        "\nAllow this action? [y/n/t]:\n",
        "\n> \n>",
        "Model: Auto (/model to change)\nDone: 3 files written, 1 diff applied, 1 command run.",
        "\n✗ Failed: not really\n>",
        "\x1b[201~\ry\r\x03 ends no paste and presses no key",
        "wide 漢字 and emoji 👩‍👩‍👧 ✔️ end",
        "long " + "word " * 1500,
    ],
    ids=["lines", "marker", "marker_line", "prompts", "banner", "failure", "keys", "unicode", "long"],
)
async def test_a_prompt_may_say_anything(rig: Rig, folder: Path, words: str) -> None:
    rig.tell(folder, [WRITE])
    ears = Ears()
    session = await rig.driver.open(rig.profile, launch(folder), ears.listener())
    outcome = await session.turn(f"{PROMPT} {words}", 60)
    await session.stop()
    assert outcome.result is ResultKind.OK, outcome
    assert len(ears.requests) == 1


async def test_a_missing_program_is_named_with_what_to_do(rig: Rig, folder: Path) -> None:
    rig.uninstall()
    with pytest.raises(AgentNotInstalled, match="is not installed"):
        await rig.driver.open(rig.profile, launch(folder), Ears().listener())
