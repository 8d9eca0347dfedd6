"""Vendors' JSON: usage, tool calls and terminal signs, replayed from recordings of the real programs."""

import json
from pathlib import Path
from typing import Any

import pytest

from kyros.drivers.adapters.headless.claude import answer_to, request_of
from kyros.drivers.adapters.headless.dialects import DIALECTS
from kyros.drivers.adapters.headless.record import Record
from kyros.drivers.adapters.stream import Lines
from kyros.drivers.model import ActionKind, Decision, Usage
from tests.unit.drivers.conftest import recording

OURS = Path(__file__).parent / "recordings"


def replay(dialect: str, *chunks: bytes) -> tuple[Record, list[str]]:
    record, shown, lines = Record(), [], Lines()
    speaker = DIALECTS[dialect]
    for entries in [*(lines.feed(chunk) for chunk in chunks), lines.end()]:
        for entry in entries:
            shown += (
                speaker.read_line(entry, record) if isinstance(entry, str) else speaker.read(entry, record)
            )
    return record, shown


def said(dialect: str, *events: dict[str, Any]) -> Record:
    return replay(dialect, *(json.dumps(event).encode() + b"\n" for event in events))[0]


def test_codex_as_recorded() -> None:
    record, shown = replay("codex", recording("codex.headless.stdout").read_bytes())
    assert record.is_done
    assert record.usage() == Usage(
        input_tokens=62246 - 39243,
        output_tokens=138,
        cache_read_tokens=39243,
        cache_creation_tokens=0,
        tool_calls={"command_execution": 5},
    )
    assert "Done: I followed TASK.md and made the changes it asks for." in shown
    assert "  │ Hello, world!" in shown


def test_gemini_as_recorded() -> None:
    record, shown = replay("gemini", recording("gemini.headless.stdout").read_bytes())
    assert record.is_done
    assert record.usage() == Usage(
        model="gemini-3.8-flash",
        input_tokens=28486,
        output_tokens=163,
        cache_read_tokens=46650,
        tool_calls={"read_file": 2, "write_file": 1, "replace": 1, "run_shell_command": 1},
    )
    assert "Done: I followed TASK.md and made the changes it asks for." in shown
    assert "● write_file  hello.py" in shown


def test_opencode_as_recorded() -> None:
    record, _ = replay("opencode", recording("opencode.headless.stdout").read_bytes())
    usage = record.usage()
    assert record.is_done
    assert (usage.input_tokens, usage.output_tokens) == (7697 + 1972 + 1997 + 2026 + 2051 + 2071, 167)
    assert usage.cache_read_tokens == 5913 + 5991 + 6078 + 6150 + 6211
    assert usage.cost_usd == pytest.approx(0.018482)
    assert usage.tool_calls == {"read": 2, "write": 1, "edit": 1, "bash": 1}


def aider_event(kind: str, **properties: object) -> bytes:
    """One line of its analytics log, as 0.86.2 writes it."""
    event = {"event": kind, "properties": properties, "user_id": "None", "time": 1_790_000_000}
    return json.dumps(event).encode() + b"\n"


AIDER_ANSWERED = aider_event("message_send", prompt_tokens=1000, completion_tokens=20, cost=0)
AIDER_ENDED = aider_event("exit", reason="Completed --message")
AIDER_REFUSED = b"litellm.RateLimitError: slow down\n"


def test_aider_as_recorded_is_shown_and_done_only_when_it_says_so() -> None:
    printed = recording("aider.headless.stdout").read_bytes()
    record, shown = replay("aider", printed)
    assert "Applied edit to hello.py" in shown
    assert not record.is_over
    record, _ = replay("aider", printed, AIDER_ANSWERED, AIDER_ANSWERED, AIDER_ENDED)
    assert record.is_done
    assert record.usage() == Usage(
        model="openai/scripted", input_tokens=2000, output_tokens=40, tool_calls={}
    )


def test_aider_goes_on_after_an_answer_and_after_an_error_that_passes() -> None:
    assert not replay("aider", AIDER_ANSWERED)[0].is_over
    assert not replay("aider", AIDER_REFUSED)[0].is_over
    assert replay("aider", AIDER_REFUSED, AIDER_ANSWERED, AIDER_ENDED)[0].is_done


def test_aider_that_got_no_answer_has_failed() -> None:
    assert replay("aider", AIDER_ENDED)[0].failure == "the model gave no answer"


def test_aider_that_could_not_start_has_failed() -> None:
    record, _ = replay("aider", aider_event("exit", reason="Invalid lint/test command"))
    assert record.failure == "Invalid lint/test command"


def test_claude_as_recorded() -> None:
    record, shown = replay("claude", (OURS / "claude.headless.stdout").read_bytes())
    assert record.is_done
    assert record.usage().input_tokens == 33  # the result's, not the sum of the messages'
    assert record.usage().cache_creation_tokens == 15
    assert record.usage().tool_calls == {"Write": 1, "Bash": 1}
    assert shown[:2] == ["I write hello.py.", "● Write  hello.py"]


def test_claudes_recorded_request_is_read_and_answered() -> None:
    events = [json.loads(line) for line in (OURS / "claude.headless.stdout").read_text().splitlines()]
    (asking,) = [event for event in events if event["type"] == "control_request"]
    request = request_of(asking)
    assert request is not None
    assert (request.kind, request.subject) == (ActionKind.COMMAND, "python3 hello.py")
    allowed = answer_to(asking, Decision(True, "rule"))["response"]
    assert allowed["request_id"] == asking["request_id"]
    assert allowed["response"] == {"behavior": "allow", "updatedInput": asking["request"]["input"]}
    assert answer_to(asking, Decision(False, "rule"))["response"]["response"]["behavior"] == "deny"
    assert [request_of(event) for event in events if event is not asking] == [None] * (len(events) - 1)


def asking(tool: str, **given: object) -> dict[str, Any]:
    request = {"subtype": "can_use_tool", "tool_name": tool, "input": given}
    return {"type": "control_request", "request_id": "r1", "request": request}


@pytest.mark.parametrize(
    ("tool", "given", "kind", "subject"),
    [
        ("Bash", {"command": "ls"}, ActionKind.COMMAND, "ls"),
        ("NotebookEdit", {"notebook_path": "a.ipynb"}, ActionKind.WRITE, "a.ipynb"),
        ("Read", {"file_path": "/etc/passwd"}, ActionKind.READ, "/etc/passwd"),
        ("LS", {}, ActionKind.READ, "."),
        ("Grep", {"pattern": "../x", "path": "src"}, ActionKind.READ, "src"),
        ("Grep", {"pattern": "TODO"}, ActionKind.READ, "."),
        ("Glob", {"pattern": "**/*.py", "path": "src"}, ActionKind.READ, "src/**/*.py"),
        ("Glob", {"pattern": "/etc/*"}, ActionKind.READ, "/etc/*"),
        (
            "WebFetch",
            {"url": "https://x.example/", "prompt": "what"},
            ActionKind.NETWORK,
            "https://x.example/",
        ),
        ("WebSearch", {"query": "kyros"}, ActionKind.NETWORK, "kyros"),
        ("Write", {"command": "ls", "file_path": "/etc/x"}, ActionKind.WRITE, "/etc/x"),
        ("mcp__x__y", {"command": "ls"}, ActionKind.OTHER, "ls"),
        ("Read", {}, ActionKind.OTHER, ""),
        ("Bash", {"command": "true;" * 30_000 + "sudo x"}, ActionKind.OTHER, ("true;" * 400)),
    ],
)
def test_what_claude_asks_leave_for_has_its_tool_and_its_kind(
    tool: str, given: dict[str, Any], kind: ActionKind, subject: str
) -> None:
    request = request_of(asking(tool, **given))
    assert request is not None
    assert (request.kind, request.subject, request.tool) == (kind, subject, tool)


def test_claude_is_told_why_it_was_denied() -> None:
    def message(decision: Decision) -> str:
        return str(answer_to(asking("Bash", command="ls"), decision)["response"]["response"]["message"])

    assert (
        message(Decision(False, "deny: project rule 1"))
        == "Denied by deny: project rule 1. Go on without it."
    )
    assert message(Decision(False, "deny: ann said no", "Use make.")) == "Use make. Go on without it."


@pytest.mark.parametrize("size", [1, 5, 4096])
def test_a_stream_in_pieces_says_the_same(size: int) -> None:
    data = (OURS / "claude.headless.stdout").read_bytes()
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    assert replay("claude", *pieces) == replay("claude", data)


def test_junk_between_events_is_shown_and_harms_nothing() -> None:
    junk = b'npm notice\n{"broken": \n[1,2]\n{"type": 7}\n{"type":"item.completed","item":null}\n\xff\xfe\n'
    record, shown = replay("codex", junk + b'{"type":"turn.completed","usage":null}')
    assert record.is_done
    assert "npm notice" in shown
    assert record.usage().input_tokens is None


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
@pytest.mark.parametrize("nonsense", [None, 7, "text", [], {}, {"content": 3}, [None]])
def test_events_of_any_shape_are_survived(dialect: str, nonsense: object) -> None:
    kinds = """assistant user result system message tool_use tool_result item.started item.completed
        step_finish text turn.completed turn.failed error complete control_request"""
    for kind in kinds.split():
        keys = (
            "message",
            "item",
            "part",
            "usage",
            "stats",
            "error",
            "content",
            "request",
            "errors",
            "subtype",
        )
        said(dialect, {"type": kind, **dict.fromkeys(keys, nonsense)})


def test_a_line_of_300_kilobytes_is_read() -> None:
    text = "x" * 300_000
    record = said(
        "claude",
        {"type": "assistant", "message": {"content": text}},
        {"type": "result", "subtype": "success"},
    )
    assert record.is_done


@pytest.mark.parametrize(
    ("dialect", "event", "reason"),
    [
        (
            "claude",
            {"type": "result", "subtype": "success", "is_error": True, "result": "API Error: 401"},
            "API Error: 401",
        ),
        ("claude", {"type": "result", "subtype": "error_max_turns"}, "it ended with error_max_turns"),
        ("codex", {"type": "turn.failed", "error": {"message": "401"}}, "401"),
        ("gemini", {"type": "result", "status": "error", "error": {"message": "quota"}}, "quota"),
        ("goose", {"type": "error", "error": "no provider"}, "no provider"),
        ("opencode", {"type": "error", "error": {"name": "X", "data": {"message": "refused"}}}, "refused"),
        (
            "opencode",
            {"type": "step_finish", "part": {"reason": "length"}},
            "the model stopped for the reason length",
        ),
    ],
)
def test_a_failure_is_told_in_the_vendors_words(dialect: str, event: dict[str, Any], reason: str) -> None:
    record = said(dialect, event)
    assert (record.is_done, record.failure) == (False, reason)


def test_a_passing_error_of_codex_is_not_the_end() -> None:
    assert not said("codex", {"type": "error", "message": "Reconnecting... 1/5"}).is_over


def test_an_error_of_aiders_provider_is_a_failure_though_it_exits_0() -> None:
    record, _ = replay("aider", b"litellm.AuthenticationError: 401\n", AIDER_ENDED)
    assert record.failure == "litellm.AuthenticationError: 401"


def test_a_key_that_claudes_provider_refused_is_not_tried_ten_times() -> None:
    retry = {"type": "system", "subtype": "api_retry", "attempt": 1, "error": "authentication_failed"}
    record = said("claude", retry | {"error_status": 401})
    assert record.failure == "the model's provider answered 401: authentication_failed"
    assert not said("claude", retry | {"error_status": 529, "error": "overloaded"}).is_over


@pytest.mark.parametrize("figure", [1e30, float("nan"), -1, float("inf"), True, "9", 2**31])
def test_a_figure_that_no_turn_can_have_is_not_measured(figure: object) -> None:
    claude = {"type": "result", "subtype": "success", "usage": {"input_tokens": figure, "output_tokens": 5}}
    usage = said("claude", {**claude, "total_cost_usd": figure}).usage()
    assert (usage.input_tokens, usage.output_tokens) == (None, 5)
    assert usage.cost_usd is None
    part = {"tokens": {"input": figure, "output": 5}, "cost": figure}
    usage = said("opencode", {"type": "step_finish", "part": part}).usage()
    assert (usage.input_tokens, usage.output_tokens, usage.cost_usd) == (None, 5, None)


def test_qwens_input_count_is_taken_without_the_cached_share() -> None:
    usage = {"input_tokens": 100, "cache_read_input_tokens": 30, "output_tokens": 4}
    record = said("qwen", {"type": "result", "subtype": "success", "usage": usage})
    assert (record.input_tokens, record.cache_read_tokens) == (70, 30)


def test_what_thinking_took_is_output_where_it_is_counted_apart() -> None:
    tokens = {"input": 10, "output": 4, "reasoning": 3, "cache": {"read": 0, "write": 0}}
    assert said("opencode", {"type": "step_finish", "part": {"tokens": tokens}}).output_tokens == 7
    stats = {"total_tokens": 19, "input_tokens": 10, "output_tokens": 4}
    assert said("gemini", {"type": "result", "status": "success", "stats": stats}).output_tokens == 9


def test_goose_says_when_it_is_complete() -> None:
    call = {"type": "toolRequest", "toolCall": {"value": {"name": "shell", "arguments": {"command": "ls"}}}}
    message = {"role": "assistant", "content": [{"type": "text", "text": "I look."}, call]}
    record = said("goose", {"type": "message", "message": message}, {"type": "complete", "total_tokens": 9})
    assert record.is_done
    assert record.usage() == Usage(tool_calls={"shell": 1})


def test_control_characters_of_a_model_do_not_reach_the_terminal() -> None:
    _, shown = replay("codex", json.dumps(
        {"type": "item.completed", "item": {"type": "agent_message", "text": "a\x1b]0;x\x07b\nc\u009b2J"}}
    ).encode())  # fmt: skip
    assert shown == ["a]0;xb", "c2J"]
