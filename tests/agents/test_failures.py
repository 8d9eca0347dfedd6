"""Real programs whose model fails them: never a success, and nothing left alive."""

import pytest

from kyros.drivers.model import ResultKind
from tests.agents.bench import Bench
from tests.agents.programs import each, needs, program
from tests.agents.scripted.script import Cuts, Fault, Hangs, Refuses
from tests.agents.test_edits import BEST

pytestmark = [pytest.mark.agents, pytest.mark.timeout(300)]

WRONG_KEY = Refuses(401, "Incorrect API key provided")
USED_UP = Refuses(429, "You have hit your usage limit. It resets at 3pm.", {"Retry-After": "3600"})
BROKEN = Refuses(500, "Something broke")
SHORT_SECONDS = 25
"""Several try again for ever; then the deadline decides."""


IN_THE_MIDDLE: dict[str, tuple[str, Fault]] = {
    **{f"{name} cut": (name, Cuts()) for name in BEST},
    **{f"{name} 429": (name, USED_UP) for name in ("claude", "codex", "gemini")},
    **{f"{name} 500": (name, BROKEN) for name in ("aider", "opencode", "qwen")},
}


@pytest.mark.parametrize("name", each(*BEST))
async def test_a_refused_key_fails_the_turn_and_says_so(bench: Bench, name: str) -> None:
    agent = program(name)
    with bench.model(agent, faults={0: WRONG_KEY}) as server:
        turn = await bench.turn(agent)
    assert server.model.asked
    assert turn.result_kind is ResultKind.FAILED
    assert turn.note
    assert bench.would_commit() == {}
    assert bench.left() == []


@pytest.mark.parametrize("name", each(*BEST))
async def test_a_model_that_never_goes_on_ends_at_the_deadline(bench: Bench, name: str) -> None:
    agent = program(name)
    with bench.model(agent, faults={0: Hangs()}):
        turn = await bench.turn(agent, timeout_seconds=SHORT_SECONDS)
    assert turn.result_kind is ResultKind.TIMED_OUT
    assert bench.left() == []


@pytest.mark.parametrize(
    ("name", "fault"),
    [pytest.param(*case, marks=needs(case[0]), id=title) for title, case in IN_THE_MIDDLE.items()],
)
async def test_a_model_that_fails_in_the_middle_is_no_success(bench: Bench, name: str, fault: Fault) -> None:
    """After the task was read: aider has no tools, so its first answer fails."""
    agent = program(name)
    with bench.model(agent, faults={0 if name == "aider" else 1: fault}):
        turn = await bench.turn(agent, timeout_seconds=SHORT_SECONDS)
    assert turn.result_kind in (ResultKind.FAILED, ResultKind.TIMED_OUT)
    assert bench.would_commit() == {}
    assert bench.left() == []
