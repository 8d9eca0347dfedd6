"""Whatever a program says, the ACP session comes to an outcome, and what it tells can be stored."""

import asyncio
import itertools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kyros.drivers.adapters.stream import Lines
from kyros.drivers.model import AcpSpec, Outcome, ResultKind
from tests.contract.drivers.rigs import Ears
from tests.unit.drivers.acp_player import Player, entries_of, play
from tests.unit.drivers.conftest import RECORDINGS

SPEC = AcpSpec(files=True, terminals=False)
FUZZ = settings(
    max_examples=80, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip

any_text = st.text(st.characters(exclude_categories=()), max_size=30)  # halves of surrogate pairs too
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=12,
)
KEYS = (
    "sessionUpdate", "content", "text", "type", "toolCallId", "messageId", "title", "kind", "status",
    "rawInput", "rawOutput", "locations", "path", "oldText", "newText", "entries", "cost", "amount",
    "currency", "options", "optionId", "name", "_meta", "usage", "inputTokens", "outputTokens", "quota",
    "token_count", "model_usage", "model", "toolCall", "stopReason", "sessionId", "update", "command",
    "line", "limit", "requestId", "terminal_output_delta", "data",
)  # fmt: skip
WORDS = (
    "agent_message_chunk", "agent_thought_chunk", "tool_call", "tool_call_update", "plan",
    "usage_update", "text", "diff", "content", "c1", "c2", "edit", "execute", "pending", "in_progress",
    "completed", "failed", "end_turn", "allow_once", "USD", "a.txt", "../x", ".git",
)  # fmt: skip
likely = st.recursive(
    any_json | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=25,
)
METHODS = (
    "session/update", "session/request_permission", "fs/read_text_file", "fs/write_text_file",
    "terminal/create", "_auth/x", "$/cancel_request",
)  # fmt: skip


class Babbler:
    """Greets as it should; to the prompt it says `lines`, and then it ends or answers."""

    def __init__(self, lines: Iterable[bytes], answer: Any) -> None:
        self._lines = lines
        self._answer = answer
        self.player = Player(self._heard)

    def _heard(self, message: dict[str, Any]) -> Iterable[bytes]:
        method = message.get("method")
        if method == "session/prompt":
            yield from self._lines
            yield b"\n" + json.dumps({"id": message["id"], "result": self._answer}).encode() + b"\n"
        elif method in ("initialize", "session/new"):
            yield json.dumps({"id": message["id"], "result": {"sessionId": "s"}}).encode() + b"\n"


def outcome_of(lines: Iterable[bytes], folder: Path, answer: Any = None) -> tuple[Outcome, Ears]:
    async def run() -> tuple[Outcome, Ears]:
        ears = Ears()
        babbler = Babbler(lines, {"stopReason": "end_turn"} if answer is None else answer)
        return await play(babbler.player, SPEC, folder, ears), ears

    outcome, ears = asyncio.run(run())
    assert storable(ears)
    return outcome, ears


def storable(ears: Ears) -> bool:
    """As UTF-8 without NUL, and as JSON; figures as integers of a database."""
    for entry in ears.entries:
        said = json.dumps([entry.text, entry.id, dict(entry.details)], allow_nan=False, ensure_ascii=False)
        said.encode()
        assert "\0" not in entry.text + entry.id
        assert len(said) < 1_000_000
    for request in ears.requests:
        (request.subject + request.text + request.tool).encode()
        assert request.subject
    for usage in ears.usages:
        json.dumps(vars(usage), default=dict, allow_nan=False).encode()
        assert all(count is None or 0 <= count < 2**31 for count in (usage.input_tokens, usage.output_tokens))
    return True


@FUZZ
@given(noise=st.lists(st.binary(max_size=400), max_size=20))
def test_random_bytes(noise: list[bytes], tmp_path: Path) -> None:
    outcome, _ = outcome_of(noise, tmp_path)
    assert outcome.result in (ResultKind.OK, ResultKind.FAILED)


@FUZZ
@given(
    messages=st.lists(st.tuples(st.sampled_from(METHODS), st.none() | any_json, likely), max_size=12),
    answer=likely,
)
def test_messages_of_any_shape(messages: list[tuple[str, Any, Any]], answer: Any, tmp_path: Path) -> None:
    lines = [
        json.dumps({"method": method, "id": number, "params": params}).encode() + b"\n"
        for method, number, params in messages
    ]
    outcome_of(lines, tmp_path, {} if answer is None else answer)


@FUZZ
@given(updates=st.lists(st.dictionaries(st.sampled_from(KEYS), likely, max_size=8), max_size=12))
def test_updates_of_any_shape(updates: list[dict[str, Any]], tmp_path: Path) -> None:
    lines = [
        json.dumps({"method": "session/update", "params": {"update": update}}).encode() + b"\n"
        for update in updates
    ]
    outcome, _ = outcome_of(lines, tmp_path)
    assert outcome.result in (ResultKind.OK, ResultKind.FAILED)


@pytest.mark.parametrize("name", ["codex-acp", "gemini", "opencode"])
@FUZZ
@given(data=st.data())
def test_mutated_recordings(name: str, tmp_path: Path, data: st.DataObject) -> None:
    file = RECORDINGS / f"{name}.acp.jsonl"
    if not file.exists():
        pytest.skip(
            f"NO RECORDING: {file.name} is not in {RECORDINGS}: put the recordings there to run this test"
        )
    said = [e["msg"] for e in entries_of(file, tmp_path) if e["dir"] == "agent" and "method" in e["msg"]]
    stream = bytearray(b"\n".join(json.dumps(message).encode() for message in said))
    for place, byte, length in data.draw(
        st.lists(
            st.tuples(st.integers(0, len(stream)), st.binary(max_size=3), st.integers(0, 40)), max_size=30
        )
    ):
        stream[place : place + length] = byte
    outcome, _ = outcome_of([bytes(stream)], tmp_path)
    assert outcome.result in (ResultKind.OK, ResultKind.FAILED)


def test_what_is_no_text_is_made_text(tmp_path: Path) -> None:
    bad = "a\0b\ud800c"
    chunk = {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": bad}}
    call = {"sessionUpdate": "tool_call", "toolCallId": bad, "title": bad, "status": "completed", "kind": bad,
            "rawInput": {bad: [bad, float("inf")]}, "rawOutput": bad,
            "content": [{"type": "diff", "path": bad, "oldText": bad, "newText": ""}]}  # fmt: skip
    updates = [{"method": "session/update", "params": {"update": update}} for update in (chunk, call)]
    outcome, ears = outcome_of([json.dumps(update).encode() + b"\n" for update in updates], tmp_path)
    assert outcome.result is ResultKind.OK
    assert ears.entries[0].text == "a\ufffdb?c"


def test_a_line_without_an_end_takes_no_more_than_its_limit() -> None:
    lines = Lines(limit_bytes=1_000)
    said = [entry for _ in range(50) for entry in lines.feed(b"x" * 100)]
    assert said == ["(a line of more than 1,000 bytes was dropped)"]
    assert [*lines.feed(b'y\n{"a": 1}\n'), *lines.end()] == [{"a": 1}]


@FUZZ
@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=20))
def test_lines_are_the_same_however_they_are_cut(stream: bytes, cuts: list[int]) -> None:
    def read(pieces: Iterable[bytes]) -> list[Any]:
        lines = Lines(limit_bytes=50)
        return [*(entry for piece in pieces for entry in lines.feed(piece)), *lines.end()]

    places = [0, *sorted(cuts), len(stream)]
    assert read([stream]) == read(stream[a:b] for a, b in itertools.pairwise(places))
