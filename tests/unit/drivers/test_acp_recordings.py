"""Recordings of real programs that speak ACP, replayed to the real session: whole, and cut anywhere."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kyros.drivers.adapters.profiles import load_profiles
from kyros.drivers.model import AcpSpec, ActionKind, EntryKind, Outcome, ResultKind, SessionState, Usage
from tests.contract.drivers.rigs import Ears
from tests.unit.drivers.acp_player import Tape, entries_of, play, size_of
from tests.unit.drivers.conftest import recording

S = SessionState
DONE = "Done: I followed TASK.md and made the changes it asks for."
USAGES = {
    "codex-acp": Usage("scripted", 25586, 138, 43547, 0, None, {"exec_command": 5}),
    "gemini": Usage("auto", 74376, 148, None, None, None, {"read": 2, "edit": 2, "execute": 1}),
    "gemini.nofs": Usage("auto", 74429, 148, None, None, None, {"read": 2, "edit": 2, "execute": 1}),
    "opencode": Usage("rig/scripted", None, None, None, None, 0.018483, {"read": 2, "edit": 2, "execute": 1}),
}
ASKED = {
    "codex-acp": [],
    "gemini": ["README.md", "python3"],
    "gemini.nofs": ["hello.py", "README.md", "python3"],
    "opencode": ["hello.py", "README.md", "python3"],
}
NAMES = sorted(USAGES)


def spec_of(name: str, entries: list[dict[str, Any]]) -> AcpSpec:
    """The shipped profile's, with what the client of the recording offered."""
    spec = load_profiles().get(name.split("-")[0].split(".")[0]).acp
    assert spec is not None
    return replace(spec, files=entries[0]["msg"]["params"]["clientCapabilities"]["fs"]["readTextFile"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return laid_out(tmp_path)


def laid_out(parent: Path) -> Path:
    folder = parent / "repo"
    folder.mkdir(exist_ok=True)
    (folder / "TASK.md").write_text("# Add a greeting\n")
    (folder / "README.md").write_text("# Sample: nothing yet\n")
    (folder / "hello.py").unlink(missing_ok=True)
    return folder


async def replayed(name: str, folder: Path, **how: Any) -> tuple[Outcome, Ears, Tape]:
    entries = entries_of(recording(f"{name}.acp.jsonl"), folder)
    ears, tape = Ears(), Tape(entries, **how)
    return await play(tape.player, spec_of(name, entries), folder, ears), ears, tape


@pytest.mark.parametrize("name", NAMES)
async def test_a_recording_gives_its_states_its_usage_and_its_answers(name: str, folder: Path) -> None:
    outcome, ears, tape = await replayed(name, folder)
    assert (outcome.result, outcome.evidence) == (ResultKind.OK, "stop_reason:end_turn")
    assert outcome.usage == USAGES[name]
    assert tape.unlike == []
    asked = [request.subject for request in ears.requests if request.kind is not ActionKind.READ]
    assert len(asked) == len(ASKED[name])
    assert all(word in subject for word, subject in zip(ASKED[name], asked, strict=True))
    between = [S.BLOCKED, S.WORKING] * len(asked)
    assert ears.states == [S.STARTING, S.READY, S.WORKING, *between, S.DONE, S.READY, S.LOST]


@pytest.mark.parametrize("name", NAMES)
async def test_a_recording_gives_a_transcript_that_can_be_read(name: str, folder: Path) -> None:
    _, ears, _ = await replayed(name, folder)
    messages = [entry.text for entry in ears.entries if entry.kind is EntryKind.MESSAGE]
    assert messages[-1] == DONE
    assert "Now I create hello.py." in messages
    calls = [entry.id for entry in ears.entries if entry.kind is EntryKind.TOOL_CALL]
    results = [entry.id for entry in ears.entries if entry.kind is EntryKind.TOOL_RESULT]
    assert len(calls) == len(set(calls)) == 5
    assert results == calls
    assert f"{DONE}\r\n".encode() in ears.output
    json.dumps([dict(entry.details) for entry in ears.entries])


@pytest.mark.parametrize("name", ["gemini.nofs", "opencode"])
async def test_what_was_changed_is_told_as_a_patch(name: str, folder: Path) -> None:
    _, ears, _ = await replayed(name, folder)
    patches = {e.details["path"]: e.details["patch"] for e in ears.entries if e.kind is EntryKind.DIFF}
    assert patches["README.md"] == (
        "--- a/README.md\n+++ b/README.md\n@@ -1 +1 @@\n-# Sample: nothing yet\n+# Sample: see hello.py\n"
    )
    assert "+def hello(" in str(patches["hello.py"])


async def test_files_that_are_served_are_really_written(folder: Path) -> None:
    await replayed("opencode", folder)
    assert (folder / "README.md").read_text() == "# Sample: see hello.py\n"
    assert (folder / "hello.py").exists()


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_bytes_cut_anywhere_say_the_same(name: str, tmp_path: Path, data: st.DataObject) -> None:
    folder = laid_out(tmp_path)
    size = size_of(entries_of(recording(f"{name}.acp.jsonl"), folder))
    cuts = data.draw(st.lists(st.integers(1, size), max_size=200))
    outcome, ears, _ = asyncio.run(replayed(name, folder, cuts=cuts))
    assert (outcome.result, outcome.usage) == (ResultKind.OK, USAGES[name])
    whole = asyncio.run(replayed(name, laid_out(tmp_path)))[1]
    assert (ears.entries, ears.states, ears.output) == (whole.entries, whole.states, whole.output)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_program_that_dies_anywhere_is_lost_or_was_done(
    name: str, tmp_path: Path, data: st.DataObject
) -> None:
    folder = laid_out(tmp_path)
    size = size_of(entries_of(recording(f"{name}.acp.jsonl"), folder))
    until = data.draw(st.integers(0, size - 1))
    outcome, ears, _ = asyncio.run(replayed(name, folder, until=until))
    assert outcome.result in (ResultKind.LOST, ResultKind.OK)
    assert ears.states[-1] is S.LOST
    if outcome.result is ResultKind.LOST:
        assert outcome.evidence == "signal:SIGKILL"
        assert outcome.usage.input_tokens is None
