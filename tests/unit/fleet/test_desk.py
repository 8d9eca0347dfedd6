"""The desk keeps what a session says, and nothing of what was lent to it in confidence."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from kyros.drivers.model import (
    ActionKind,
    ApprovalRequest,
    Decision,
    Entry,
    EntryKind,
    Outcome,
    ResultKind,
    Tier,
)
from kyros.fleet.fake import FakeBudgets, FakeLedger, FakeRecording, FakeTranscripts, FakeTurns
from kyros.fleet.model import Turn, TurnOrder
from kyros.fleet.service.desk import Desk
from kyros.fleet.service.meter import Meter, Watch
from tests.stand_ins import Clock, Outbox

SECRET = "sk-live-0123456789"  # pragma: allowlist secret
ENV = {"VENDOR_API_KEY": SECRET, "HOME": "/home/long/enough", "TERM": "xterm-256color"}
ORDER = TurnOrder("run_1", "codex", f"Do it with {SECRET}.", Path("/w"), 60, "delegation")
TURN = Turn("turn_1", "run_1", "codex", Tier.HEADLESS, "delegation", "2026-11-20T12:00:00.000000Z")


class Judge:
    async def decide(
        self, order: TurnOrder, turn: Turn, request: ApprovalRequest, waiting: object
    ) -> Decision:
        return Decision(False, "deny: for the test")


def desk(recording: FakeRecording, transcripts: FakeTranscripts) -> Desk:
    outbox, clock = Outbox(), Clock()
    turns = FakeTurns(outbox)
    meter = Meter(turns=turns, ledger=FakeLedger(turns), budgets=FakeBudgets(outbox), clock=clock)
    judge: Any = Judge()
    made = Desk(ORDER, TURN, recording, transcripts.open("run_1"), judge, Watch(meter, ORDER, TURN), clock)
    made.begin(ENV, ["VENDOR_API_KEY"])
    return made


@pytest.mark.parametrize("at", range(len(SECRET) + 1))
async def test_nothing_lent_is_recorded_wherever_the_stream_is_cut(at: int) -> None:
    recording, transcripts = FakeRecording(), FakeTranscripts()
    listener = (one := desk(recording, transcripts)).listener()
    listener.output(f"a{SECRET[:at]}".encode())
    listener.output(f"{SECRET[at:]}b".encode())
    one.end(Outcome(ResultKind.OK, "prompt"))
    assert recording.output == "a•••b".encode()
    assert one.bytes_streamed == len(SECRET) + 2


async def test_nothing_lent_stands_in_the_transcript_or_in_the_outcome() -> None:
    recording, transcripts = FakeRecording(), FakeTranscripts()
    listener = (one := desk(recording, transcripts)).listener()
    listener.note(Entry(EntryKind.TOOL_CALL, f"curl {SECRET}", "c1", {"input": {"h": [f"Bearer {SECRET}"]}}))
    await listener.decide(ApprovalRequest(ActionKind.COMMAND, f"echo {SECRET}", f"Run echo {SECRET}?"))
    outcome = one.end(Outcome(ResultKind.FAILED, "vendor_error", f"401 for {SECRET}"))
    lines = transcripts.read("run_1", 0, 99, None)
    assert [line.entry.kind for line in lines] == ["prompt", "tool_call", "approval", "end"]
    assert outcome.note == lines[-1].entry.text == "401 for •••"
    assert lines[1].entry.details == {"input": {"h": ["Bearer •••"]}}
    assert lines[2].entry.details["allowed"] is False
    assert SECRET not in repr(lines)


async def test_a_prompts_last_letter_is_seen_though_a_value_begins_with_it() -> None:
    recording = FakeRecording()
    one = desk(recording, FakeTranscripts())
    one.listener().output(b"yes")
    assert recording.output == b"ye"
    async with asyncio.timeout(5):
        while recording.output != b"yes":
            await asyncio.sleep(0.01)
    one.listener().output(SECRET[1:].encode())
    one.end(Outcome(ResultKind.OK, "prompt"))
    assert recording.output == "yes•••".encode()
