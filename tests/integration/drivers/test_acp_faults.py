"""The ACP driver against an agent that misbehaves: the right state, the right code, nothing left, no leak."""

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from kyros.drivers.model import EntryKind, ResultKind, SessionState
from tests.contract.drivers.rigs import ACP_AGENT, PROMPT, Ears, is_gone
from tests.integration.drivers.acp import opened, said, told, turn

WRITE = {"do": "write", "path": "hello.txt", "text": "hello\n"}


@pytest.mark.parametrize("piece", [1, 3, 7])
async def test_bytes_split_anywhere_say_the_same(work: Path, piece: int) -> None:
    ears = Ears()
    outcome = await turn(work, {"do": "say", "text": "漢字 ✔️"}, WRITE, ears=ears, start={"piece": piece})
    assert outcome.result is ResultKind.OK, outcome
    assert said(ears)[0] == "At work.\n漢字 ✔️"


@pytest.mark.parametrize(
    "junk",
    ["no JSON\n", "{\n", "[1, 2]\n", '{"id": []}\n', "null\n", "\0\0\0\n", "\xff\xfe\x80\n",
     "\x1b[2J\x1b[?1049h\n",
     '{"jsonrpc": "2.0", "id": 99, "result": {}}\n', '{"jsonrpc": "2.0", "id": "x", "error": 3}\n',
     '{"method": "_auth/status_update", "params": {}}\n', '{"method": "session/update"}\n',
     '{"method": "session/update", "params": {"update": {"sessionUpdate": "telepathy"}}}\n',
     '{"id": NaN, "method": 1}\n', "{" * 5000 + "\n"],
    ids=["text", "brace", "list", "bad_id", "null", "nul", "bytes", "escapes", "answer_to_nothing",
         "odd_error", "notification", "bare_update", "unknown_update", "nan", "deep"],
)  # fmt: skip
async def test_junk_on_stdout_means_nothing(work: Path, junk: str) -> None:
    ears = Ears()
    outcome = await turn(work, {"do": "raw", "text": junk}, WRITE, ears=ears)
    assert outcome.result is ResultKind.OK, outcome
    assert (work / "hello.txt").exists()
    assert said(ears) == ["At work."]


async def test_a_line_of_300_kb_and_10_mb_of_output_arrive_whole(work: Path) -> None:
    ears = Ears()
    long = {"do": "say", "text": "x" * 300_000 + "\n"}
    many = {"do": "say", "text": "y" * 99 + "\n", "times": 100_000}
    outcome = await turn(work, long, many, ears=ears)
    assert outcome.result is ResultKind.OK, outcome
    text = "\n".join(said(ears)).replace("\n", "")
    assert (text.count("x"), text.count("y")) == (300_000, 9_900_000)
    assert len(ears.output) > 9_900_000


async def test_a_line_without_an_end_is_dropped_and_said_and_the_turn_goes_on(work: Path) -> None:
    ears = Ears()
    endless = {"do": "raw", "text": "z" * 1_000_000, "times": 66}
    outcome = await turn(work, endless, {"do": "raw", "text": "\n"}, WRITE, ears=ears)
    assert outcome.result is ResultKind.OK, outcome
    assert b"a line of more than 64,000,000 bytes was dropped" in ears.output
    assert len(ears.output) < 1_000_000


async def test_output_that_ends_without_a_newline_is_the_last_message(work: Path) -> None:
    update = '{"method": "session/update", "params": {"update": {"sessionUpdate": "agent_message_chunk", '
    ears = Ears()
    last = {"do": "raw", "text": update + '"content": {"text": "the end"}}}}'}
    outcome = await turn(work, last, {"do": "exit", "code": 3}, ears=ears)
    assert (outcome.result, outcome.evidence) == (ResultKind.LOST, "exit:3")
    assert said(ears) == ["At work.\nthe end"]


async def test_a_crash_in_the_middle_is_lost_with_its_last_words(work: Path) -> None:
    ears = Ears()
    outcome = await turn(work, {"do": "exit", "code": 7}, ears=ears)
    assert (outcome.result, outcome.evidence) == (ResultKind.LOST, "exit:7")
    assert "these are my last words" in outcome.note
    assert ears.states[-1] is SessionState.LOST


async def test_a_program_that_dies_at_the_start_is_lost_and_says_why(work: Path) -> None:
    outcome = await turn(work, start={"exit": 64})
    assert (outcome.result, outcome.evidence) == (ResultKind.LOST, "exit:64")
    assert "unknown option --acp" in outcome.note


async def test_a_crash_between_turns_is_noticed(work: Path) -> None:
    told(work)
    ears = Ears()
    session = await opened(work, ears)
    assert await session.ready(60) is None
    os.kill(ears.pids[0], signal.SIGKILL)
    async with asyncio.timeout(30):
        while ears.states[-1] is not SessionState.LOST:
            await asyncio.sleep(0.02)
    outcome = await session.turn(PROMPT, 60)
    await session.stop()
    assert (outcome.result, outcome.evidence) == (ResultKind.LOST, "signal:SIGKILL")


async def test_one_that_closes_its_output_and_lives_on_is_lost_and_ended(work: Path) -> None:
    ears = Ears()
    outcome = await turn(work, {"do": "close"}, ears=ears)
    assert (outcome.result, outcome.evidence) == (ResultKind.LOST, "hung_up")
    assert is_gone(ears.pids[0])


async def test_one_that_hangs_after_its_result_has_succeeded_and_is_ended(work: Path) -> None:
    ears = Ears()
    outcome = await turn(work, {"do": "deaf"}, WRITE, ears=ears)
    daemon = int((work / "DAEMON").read_text())
    try:
        assert outcome.result is ResultKind.OK, outcome
        assert is_gone(ears.pids[0])  # what left the group is its opener's to end, by its marker
    finally:
        os.kill(daemon, signal.SIGKILL)


async def test_late_updates_belong_to_their_turn(work: Path) -> None:
    ears = Ears()
    chunk = {"content": {"type": "text", "text": "I forgot something."}}
    late = {"do": "late", "sort": "agent_message_chunk", "seconds": 0.02, **chunk}
    outcome = await turn(work, late, ears=ears, drain_ms=1_000)
    assert outcome.result is ResultKind.OK
    assert "".join(said(ears)).endswith("I forgot something.")


async def test_what_comes_too_late_leaks_into_no_other_turn(work: Path) -> None:
    ears = Ears()
    call = {"toolCallId": "slow", "title": "slow", "kind": "execute", "status": "in_progress"}
    late = {"do": "late", "sort": "agent_message_chunk", "seconds": 0.3,
            "content": {"type": "text", "text": "TOO LATE"}}  # fmt: skip
    told(work, {"do": "update", "sort": "tool_call", **call}, late)
    session = await opened(work, ears, drain_ms=0)
    first = await session.turn(PROMPT, 60)
    count = len(ears.entries)
    await asyncio.sleep(0.6)
    told(work, {"do": "update", "sort": "tool_call_update", **call, "status": "completed"},
         {"do": "say", "text": "second"})  # fmt: skip
    second = await session.turn(PROMPT, 60)
    await session.stop()
    assert (first.result, second.result) == (ResultKind.OK, ResultKind.OK)
    assert [entry.text for entry in ears.entries[count:]] == ["At work.\nsecond"]
    assert second.usage.tool_calls == {}


async def test_a_time_out_cancels_politely_first_and_keeps_the_figures(work: Path) -> None:
    ears = Ears()
    outcome = await turn(work, {"do": "until_cancelled"}, ears=ears, seconds=3)
    assert outcome.result is ResultKind.TIMED_OUT
    assert (outcome.usage.input_tokens, outcome.usage.output_tokens) == (7, 3)
    assert is_gone(ears.pids[0])


async def test_a_cancelled_turn_tells_what_it_used_before_it_ends(work: Path) -> None:
    ears = Ears()
    told(work, {"do": "until_cancelled"})
    session = await opened(work, ears)
    running = asyncio.create_task(session.turn(PROMPT, 60))
    await ears.working.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (ears.usages[-1].input_tokens, ears.usages[-1].output_tokens) == (7, 3)


async def test_a_pending_question_is_answered_as_cancelled_when_the_turn_is_stopped(work: Path) -> None:
    class Undecided(Ears):
        async def _decide(self, request: object) -> None:  # type: ignore[override]
            self.asked.set()
            await asyncio.Event().wait()

    ears = Undecided()
    ears.asked = asyncio.Event()  # type: ignore[attr-defined]
    told(work, WRITE)
    session = await opened(work, ears)
    running = asyncio.create_task(session.turn(PROMPT, 60))
    await ears.asked.wait()  # type: ignore[attr-defined]
    await session.stop()
    assert (await running).result is ResultKind.CANCELLED
    assert '"outcome": "cancelled"' in (work / "HEARD.jsonl").read_text()
    assert not (work / "hello.txt").exists()


async def test_a_slow_start_is_waited_for_and_then_given_up(work: Path) -> None:
    outcome = await turn(work, start={"seconds": 1.0})
    assert outcome.result is ResultKind.OK, outcome
    outcome = await turn(work, start={"seconds": 30}, start_seconds=0.5)
    assert (outcome.result, outcome.evidence) == (ResultKind.FAILED, "not_ready")


@pytest.mark.parametrize("version", [1, 2, "2025-06-18", None])
async def test_any_version_of_the_protocol_is_spoken_to(work: Path, version: object) -> None:
    assert (await turn(work, start={"version": version})).result is ResultKind.OK


@pytest.mark.parametrize(
    ("stop", "result", "evidence"),
    [
        ({"do": "stop", "reason": "max_tokens"}, ResultKind.FAILED, "stop_reason:max_tokens"),
        ({"do": "stop", "reason": "max_turn_requests"}, ResultKind.FAILED, "stop_reason:max_turn_requests"),
        ({"do": "stop", "reason": "refusal"}, ResultKind.FAILED, "stop_reason:refusal"),
        ({"do": "stop", "reason": "boredom"}, ResultKind.FAILED, "stop_reason:boredom"),
        ({"do": "stop", "reason": "cancelled"}, ResultKind.CANCELLED, "stop_reason:cancelled"),
        ({"do": "fail", "message": "overloaded"}, ResultKind.FAILED, "vendor_error"),
        ({"do": "fail", "code": -32000, "message": "who are you"}, ResultKind.FAILED, "sign_in"),
    ],
    ids=["tokens", "requests", "refusal", "unknown", "cancelled", "error", "auth"],
)
async def test_every_end_but_end_turn_is_no_success(
    work: Path, stop: dict[str, object], result: ResultKind, evidence: str
) -> None:
    ears = Ears()
    outcome = await turn(work, stop, ears=ears)
    assert (outcome.result, outcome.evidence) == (result, evidence)
    assert outcome.note
    assert ears.states[-3:] == [SessionState.FAILED, SessionState.READY, SessionState.LOST]


async def test_a_last_message_that_means_failure_fails_whatever_the_program_says(work: Path) -> None:
    unauthorized = {"do": "say", "text": "Error: 401 Unauthorized"}
    outcome = await turn(work, unauthorized, failed="^Error: 401")
    assert (outcome.result, outcome.evidence) == (ResultKind.FAILED, "failed_sign")
    assert "401 Unauthorized" in outcome.note
    assert (await turn(work, unauthorized)).result is ResultKind.OK


async def test_signing_in_needs_a_way_that_the_profile_names(work: Path) -> None:
    outcome = await turn(work, start={"auth": "once"}, sign_in="key")
    assert outcome.result is ResultKind.OK, outcome
    outcome = await turn(work, start={"auth": "once"}, env=("SOME_API_KEY",))
    assert (outcome.result, outcome.evidence) == (ResultKind.FAILED, "sign_in")
    assert "SOME_API_KEY" in outcome.note
    outcome = await turn(work, start={"auth": "always"}, sign_in="key")
    assert outcome.evidence == "sign_in"


async def test_a_flood_of_questions_is_bounded_and_the_turn_ends(work: Path) -> None:
    ask = {"method": "session/request_permission", "params": {"toolCall": {"toolCallId": "c"}, "options": []}}
    flood = [{"do": "send", "message": {"id": f"q{number}", **ask}} for number in range(300)]
    outcome = await turn(work, *flood, ears=Ears(allow=False))
    assert outcome.result is ResultKind.OK, outcome


async def test_nothing_of_the_matrix_is_left_alive(work: Path) -> None:
    ears = Ears()
    await turn(work, {"do": "hang"}, ears=ears, seconds=1.5)
    assert is_gone(ears.pids[0])
    assert [child for child in psutil.Process().children(recursive=True) if is_agent(child)] == []


def is_agent(child: psutil.Process) -> bool:
    """Alive, and of the matrix: servers that other tests share are children of this process as well."""
    with suppress(psutil.Error):
        return child.status() != psutil.STATUS_ZOMBIE and str(ACP_AGENT) in child.cmdline()
    return False


async def test_a_turn_that_says_and_does_nothing_is_no_success(work: Path) -> None:
    ears = Ears()
    thought = {"do": "update", "sort": "agent_thought_chunk", "content": {"type": "text", "text": "Hm."}}
    outcome = await turn(work, thought, {"do": "say", "text": " \n"}, ears=ears, start={"says": ""})
    assert (outcome.result, outcome.evidence) == (ResultKind.FAILED, "silent")
    assert said(ears, EntryKind.THOUGHT) == ["Hm."]
