"""Real programs, each doing a real edit from TASK.md through its best tier and through its terminal."""

import pytest

from kyros.drivers.model import ActionKind, ResultKind, Tier
from tests.agents.bench import DOES_THE_TASK, LINE, Bench
from tests.agents.programs import Program, each, needs, program
from tests.agents.scripted.script import Edit, Figures, Read, Shell, Write
from tests.agents.scripted.server import ScriptedServer

pytestmark = [pytest.mark.agents, pytest.mark.timeout(300)]

PROGRAMS = ("aider", "claude", "codex", "gemini", "opencode", "qwen")
WITH_TOOLS = ("claude", "codex", "gemini", "opencode", "qwen")
IN_A_TERMINAL = ("aider", "claude", "codex", "gemini", "opencode")


@pytest.mark.parametrize("name", each(*PROGRAMS))
async def test_the_best_tier_does_the_task_and_counts_its_tokens(bench: Bench, name: str) -> None:
    agent = program(name)
    with bench.model(agent) as server:
        turn = await bench.turn(agent)
    assert turn.result_kind is ResultKind.OK
    assert server.model.saw(LINE), "the model was never shown TASK.md"
    assert bench.would_commit() == {"greeting.txt": f"{LINE}\n"}
    assert _measured(turn.usage.input_tokens, turn.usage.cache_read_tokens, turn.usage.output_tokens) == (
        _reported(agent, server)
    )
    assert bench.left() == []


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


@needs("claude")
async def test_claude_asks_for_commands_and_goes_on_after_a_refusal(bench: Bench) -> None:
    """Its JSON mode alone asks for leave; commands of the others run in their own sandbox or not at all."""
    agent = program("claude")
    with bench.model(agent, (Shell("sudo touch asked.txt"), *DOES_THE_TASK)):
        turn = await bench.turn(agent)
    assert turn.result_kind is ResultKind.OK
    assert [(one.kind, one.allowed) for one in turn.approvals] == [(ActionKind.COMMAND, False)]
    assert bench.would_commit() == {"greeting.txt": f"{LINE}\n"}


def _reported(agent: Program, server: ScriptedServer) -> Figures:
    """What the program was told, as far as it tells us: aider knows no cache, and adds it to the rest."""
    told = server.model.reported
    if agent.counts_side_calls:
        told += server.model.reported_aside
    if agent.name == "aider":
        return Figures(told.fresh + told.cached, 0, told.output)
    return told


def _measured(fresh: int | None, cached: int | None, output: int | None) -> Figures:
    assert fresh is not None, "the turn row has no tokens"
    assert output is not None, "the turn row has no tokens"
    return Figures(fresh, cached or 0, output)
