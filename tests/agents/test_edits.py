"""Real programs, each doing a real edit from TASK.md through its best tier and through its terminal."""

import pytest

from kyros.drivers.model import ActionKind, ResultKind, Tier, Usage
from kyros.fleet.model import Turn
from tests.agents.bench import DOES_THE_TASK, LINE, Bench
from tests.agents.programs import Program, each, needs, program
from tests.agents.scripted.script import Edit, Figures, Read, Shell, Write
from tests.agents.scripted.server import ScriptedServer

pytestmark = [pytest.mark.agents, pytest.mark.timeout(300)]

WITH_TOOLS = ("claude", "codex", "gemini", "opencode", "qwen")
BEST = {"aider": Tier.HEADLESS} | dict.fromkeys(WITH_TOOLS, Tier.ACP)
IN_A_TERMINAL = ("aider", "claude", "codex", "gemini", "opencode")


@pytest.mark.parametrize("name", each(*BEST))
async def test_the_best_tier_does_the_task_and_counts_its_tokens(bench: Bench, name: str) -> None:
    agent = program(name)
    with bench.model(agent) as server:
        turn = await bench.turn(agent)
    assert turn.tier is BEST[name]
    _check_done(bench, turn, agent, server)


@pytest.mark.parametrize("name", each(*WITH_TOOLS))
async def test_its_json_mode_does_the_task_and_counts_its_tokens(bench: Bench, name: str) -> None:
    agent = program(name)
    with bench.model(agent) as server:
        turn = await bench.turn(agent, Tier.HEADLESS)
    _check_done(bench, turn, agent, server)


@pytest.mark.parametrize("name", each(*WITH_TOOLS))
async def test_a_file_that_is_there_is_edited(bench: Bench, name: str) -> None:
    agent = program(name)
    with bench.model(agent, (Read("README.md"), Edit("README.md", "hello\n", "good day\n"))):
        turn = await bench.turn(agent)
    assert turn.result_kind is ResultKind.OK
    assert bench.would_commit() == {"README.md": "good day\n"}


@pytest.mark.parametrize("name", each(*IN_A_TERMINAL))
async def test_its_terminal_does_the_task_and_asks_before_it_writes(bench: Bench, name: str) -> None:
    agent = program(name, Tier.TERMINAL)
    with bench.model(agent) as server:
        turn = await bench.turn(agent, Tier.TERMINAL)
    assert turn.result_kind is ResultKind.OK
    assert server.model.saw(LINE), "the model was never shown TASK.md"
    assert bench.would_commit() == {"greeting.txt": f"{LINE}\n"}
    asked = turn.approvals[-1]
    assert (asked.kind, asked.allowed) == (ActionKind.WRITE, True)
    assert asked.subject.endswith("greeting.txt")
    assert bench.left() == []


@pytest.mark.parametrize("name", each("claude", "codex", "gemini", "opencode"))
async def test_a_write_outside_the_worktree_is_refused_on_its_screen(bench: Bench, name: str) -> None:
    agent = program(name, Tier.TERMINAL)
    with bench.model(agent, (Write("../outside.txt", "no\n"),)) as server:
        turn = await bench.turn(agent, Tier.TERMINAL)
    assert server.model.asked
    assert not (bench.folder / "outside.txt").exists()
    assert not any(asked.allowed for asked in turn.approvals)
    assert bench.left() == []


@pytest.mark.parametrize("tier", [Tier.ACP, Tier.HEADLESS])
@needs("claude")
async def test_claude_asks_for_commands_and_goes_on_after_a_refusal(bench: Bench, tier: Tier) -> None:
    agent = program("claude")
    with bench.model(agent, (Shell("sudo touch asked.txt"), *DOES_THE_TASK)):
        turn = await bench.turn(agent, tier)
    assert turn.result_kind is ResultKind.OK
    assert (ActionKind.COMMAND, False) in [(one.kind, one.allowed) for one in turn.approvals]
    assert not (bench.worktree / "asked.txt").exists()
    assert bench.would_commit() == {"greeting.txt": f"{LINE}\n"}


def _check_done(bench: Bench, turn: Turn, agent: Program, server: ScriptedServer) -> None:
    assert turn.result_kind is ResultKind.OK
    assert server.model.saw(LINE), "the model was never shown TASK.md"
    assert bench.would_commit() == {"greeting.txt": f"{LINE}\n"}
    assert _measured(turn.usage) == _reported(agent, turn.tier, server)
    assert bench.left() == []


def _reported(agent: Program, tier: Tier, server: ScriptedServer) -> Figures:
    """What the program was told, as far as it tells us."""
    told = server.model.reported
    if tier in agent.counts_side_calls:
        told += server.model.reported_aside
    thought = told.thought if tier in agent.hides_thought else 0
    cached = told.cached if tier in agent.hides_cache else 0
    return Figures(told.fresh + cached, told.cached - cached, told.output - thought)


def _measured(usage: Usage) -> Figures:
    assert usage.input_tokens is not None, "the turn row has no tokens"
    assert usage.output_tokens is not None, "the turn row has no tokens"
    return Figures(usage.input_tokens, usage.cache_read_tokens or 0, usage.output_tokens)
