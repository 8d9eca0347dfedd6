"""What a program's own command says that a session has taken."""

import json
import sys
from pathlib import Path

import pytest

from kyros.drivers.adapters.acp.figures import Figures
from kyros.drivers.adapters.acp.tally import tally
from kyros.drivers.model import AcpSpec

TOKENS = {"input": 30, "output": 7, "reasoning": 2, "cache": {"read": 9, "write": 0}}


def printing(words: str, code: int = 0) -> list[str]:
    """A command that prints these words, and the session that it was asked for on its other stream."""
    script = f"import sys; print({words!r}); print(sys.argv[1], file=sys.stderr); sys.exit({code})"
    return [sys.executable, "-c", script, "{session}"]


async def test_the_tokens_of_the_session_are_read(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-c",
        "import sys; print(sys.argv[1])",
        '{"info": {"tokens": {"input": {session}}}}',
    ]
    assert await tally(command, "7", tmp_path, {}) == {"input": 7}
    assert await tally(printing(json.dumps({"info": {"tokens": TOKENS}})), "s", tmp_path, {}) == TOKENS


@pytest.mark.parametrize(
    "words", ["", "no JSON", "[]", '{"info": 3}', "[" * 100_000, '{"tokens": {"input": 1}}']
)
async def test_what_is_no_tally_measures_nothing(words: str, tmp_path: Path) -> None:
    assert await tally(printing(words), "s", tmp_path, {}) == {}


async def test_a_command_that_is_not_there_measures_nothing(tmp_path: Path) -> None:
    assert await tally(["no-such-program"], "s", tmp_path, {}) == {}


def test_a_turn_is_what_came_since_the_one_before() -> None:
    spec = AcpSpec(counts_whole_turn=False, input_includes_cached=True)
    first = Figures(spec)
    first.take_tally(TOKENS)
    second = Figures(spec, first)
    second.take_tally({"input": 50, "output": 8, "reasoning": 2, "cache": {"read": 9, "write": 4}})
    usages = [figures.usage({}) for figures in (first, second)]
    assert [(one.input_tokens, one.output_tokens, one.cache_read_tokens) for one in usages] == [
        (30, 9, 9),
        (20, 1, 0),
    ]
    assert usages[1].cache_creation_tokens == 4


def test_without_a_tally_the_last_call_alone_counts_for_nothing() -> None:
    figures = Figures(AcpSpec(counts_whole_turn=False))
    figures.take_response({"usage": {"inputTokens": 5, "outputTokens": 6}})
    figures.take_tally({})
    assert figures.usage({}).input_tokens is None
