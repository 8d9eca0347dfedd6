"""The desk keeps what a session says, and nothing of what was lent to it in confidence."""

import asyncio
from pathlib import Path

import pytest

from kyros.drivers.fake import FakeProfiles, fake_profile
from kyros.drivers.model import (
    ActionKind,
    ApprovalRequest,
    Entry,
    EntryKind,
    Option,
    Outcome,
    ResultKind,
    Tier,
)
from kyros.fleet.errors import ApprovalNotGeneral
from kyros.fleet.fake import (
    FakeApprovals,
    FakeBranches,
    FakeBudgets,
    FakeLedger,
    FakeRecording,
    FakeTranscripts,
    FakeTurns,
    FakeWorktrees,
)
from kyros.fleet.model import Answer, Approval, ApprovalQuery, Scope, Turn, TurnOrder, digest_of
from kyros.fleet.service.desk import Blocked, Desk, nobody
from kyros.fleet.service.meter import Meter, Watch
from tests.fleets import judge_of
from tests.stand_ins import Clock, Outbox

SECRET = "sk-live-0123456789"  # pragma: allowlist secret
ENV = {"VENDOR_API_KEY": SECRET, "HOME": "/home/long/enough", "TERM": "xterm-256color"}
ORDER = TurnOrder("run_1", "codex", f"Do it with {SECRET}.", Path("/w"), 60, "delegation", "p_1")
TURN = Turn("turn_1", "run_1", "codex", Tier.HEADLESS, "delegation", "2026-11-20T12:00:00.000000Z")


PROFILES = FakeProfiles({"codex": fake_profile("codex")})


def desk(
    recording: FakeRecording,
    transcripts: FakeTranscripts,
    approvals: FakeApprovals | None = None,
    blocked: Blocked = nobody,
    clock: Clock | None = None,
) -> Desk:
    outbox, clock = Outbox(), clock or Clock()
    turns = FakeTurns(outbox)
    meter = Meter(turns=turns, ledger=FakeLedger(turns), budgets=FakeBudgets(outbox), clock=clock)
    worktrees = FakeWorktrees(FakeBranches())
    approvals = approvals or FakeApprovals(outbox, clock)
    judge = judge_of(PROFILES, approvals, worktrees, clock, lambda prefix: f"{prefix}_1")
    watch = Watch(meter, ORDER, TURN)
    made = Desk(ORDER, TURN, recording, transcripts.open("run_1"), judge, watch, clock, blocked)
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
    assert lines[2].entry.details["allowed"] is True
    assert SECRET not in repr(lines)


@pytest.mark.parametrize(
    "request_",
    [
        ApprovalRequest(ActionKind.COMMAND, f"echo {SECRET}", f"Run echo {SECRET}?", f"t {SECRET}"),
        ApprovalRequest(ActionKind.WRITE, f"/x/{SECRET}", f"Write {SECRET}"),
        ApprovalRequest(
            ActionKind.NETWORK, f"https://x.example/{SECRET}", "", options=[Option("a", "allow_once", SECRET)]
        ),
        ApprovalRequest(ActionKind.NETWORK, "x" * 9_990 + SECRET, "x" * 19_985 + SECRET),
    ],
    ids=["allowed", "denied", "asked", "cut"],
)
async def test_what_is_asked_is_judged_as_it_is_and_kept_masked(request_: ApprovalRequest) -> None:
    outbox, told = Outbox(), list[Approval | None]()
    approvals = FakeApprovals(outbox, Clock())

    async def blocked(asked: Approval | None) -> None:
        told.append(asked)
        if asked is not None:
            await approvals.answer(asked.id, Answer("ada", True))

    one = desk(FakeRecording(), transcripts := FakeTranscripts(), approvals, blocked)
    await one.listener().decide(request_)
    (kept,) = await approvals.page(ApprovalQuery())
    assert "•••" in kept.subject
    assert kept.digest == digest_of(request_.kind, request_.tool, request_.subject, request_.text)
    seen = repr([kept, *outbox.events, *told, *transcripts.read("run_1", 0, 99, None)])
    assert not [at for at in range(len(SECRET) - 8) if SECRET[at : at + 9] in seen]


async def test_what_is_masked_cannot_be_allowed_for_always() -> None:
    approvals = FakeApprovals(Outbox(), Clock())

    async def blocked(asked: Approval | None) -> None:
        if asked is not None:
            with pytest.raises(ApprovalNotGeneral, match="names no single"):
                await approvals.answer(asked.id, Answer("ada", True, Scope.ALWAYS))
            await approvals.answer(asked.id, Answer("ada", False))

    one = desk(FakeRecording(), FakeTranscripts(), approvals, blocked)
    decision = await one.listener().decide(ApprovalRequest(ActionKind.READ, f"/x/{SECRET}", ""))
    assert not decision.allow


async def test_the_time_in_which_a_person_is_awaited_does_not_count() -> None:
    approvals = FakeApprovals(Outbox(), Clock())

    async def blocked(asked: Approval | None) -> None:
        clock.advance(600)
        if asked is not None:
            await approvals.answer(asked.id, Answer("ada", True))

    clock = Clock()
    one = desk(FakeRecording(), FakeTranscripts(), approvals, blocked, clock)
    clock.advance(30)
    await one.listener().decide(ApprovalRequest(ActionKind.OTHER, "x", ""))
    clock.advance(1)
    assert one.duration_ms == 31_000


@pytest.mark.parametrize(
    ("tier", "evidence", "is_heard"),
    [
        (Tier.TERMINAL, "vendor_error", True), (Tier.HEADLESS, "exit_code", True),
        (Tier.HEADLESS, "vendor_error", False), (Tier.ACP, "vendor_error", False),
    ],
)  # fmt: skip
async def test_a_vendors_own_error_is_believed_before_what_anybody_printed(
    tier: Tier, evidence: str, is_heard: bool
) -> None:
    one = desk(FakeRecording(), FakeTranscripts())
    one.tier = tier
    one.listener().output(b"usage limit, try again in 30 days")
    said = one.last_words(Outcome(ResultKind.FAILED, evidence, "It was refused."))
    assert "It was refused." in said
    assert ("30 days" in said) is is_heard


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
