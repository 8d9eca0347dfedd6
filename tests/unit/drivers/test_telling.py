"""What the transcript gets of each vendor's stream, as recorded."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from kyros.drivers.adapters.headless.dialects import DIALECTS
from kyros.drivers.adapters.stream import Lines
from kyros.drivers.model import Entry, EntryKind
from tests.unit.drivers.conftest import recording

OURS = Path(__file__).parent / "recordings"
K = EntryKind


def told(dialect: str, data: bytes) -> list[Entry]:
    tell, lines = DIALECTS[dialect].tells(), Lines()
    events: list[Any] = [*lines.feed(data), *lines.end(), None]
    return [entry for event in events for entry in tell(event)]


def of_events(dialect: str, *events: Any) -> list[Entry]:
    tell = DIALECTS[dialect].tells()
    return [entry for event in (*events, None) for entry in tell(event)]


def kinds(entries: list[Entry]) -> dict[EntryKind, int]:
    return dict(Counter(entry.kind for entry in entries))


def messages(entries: list[Entry]) -> list[str]:
    return [entry.text for entry in entries if entry.kind is K.MESSAGE]


def test_claude() -> None:
    entries = told("claude", (OURS / "claude.headless.stdout").read_bytes())
    assert [(one.kind, one.id) for one in entries] == [
        (K.MESSAGE, ""),
        (K.TOOL_CALL, "toolu_0"),
        (K.DIFF, "toolu_0"),
        (K.TOOL_RESULT, "toolu_0"),
        (K.MESSAGE, ""),
        (K.TOOL_CALL, "toolu_1"),
        (K.TOOL_RESULT, "toolu_1"),
        (K.MESSAGE, ""),
    ]
    assert messages(entries) == ["I write hello.py.", "I run it.", "Done."]
    call, diff, result = entries[1:4]
    assert call.text == "Write hello.py"
    assert call.details == {"name": "Write", "input": {"file_path": "hello.py", "content": "print('hi')\n"}}
    assert diff.details["path"] == "hello.py"
    assert "+print('hi')" in str(diff.details["patch"]).splitlines()
    assert result.text.startswith("File created")
    assert entries[6].details == {"is_error": True}


def test_an_edit_too_long_to_compare_has_no_patch_instead_of_half_of_one() -> None:
    def patch(old: str, new: str) -> str:
        given = {"file_path": "a", "old_string": old, "new_string": new}
        part = {"type": "tool_use", "id": "t", "name": "Edit", "input": given}
        _, diff = of_events("claude", {"type": "assistant", "message": {"content": [part]}})
        return str(diff.details["patch"])

    assert patch("a\nb\n", "a\nc\n").splitlines()[2:] == ["@@ -1,2 +1,2 @@", " a", "-b", "+c"]
    assert patch("a\n" + "x\n" * 6_000, "b\n" + "x\n" * 6_000 + "y\n") == ""


def test_a_call_is_kept_in_bounds() -> None:
    part = {"type": "tool_use", "id": "t", "name": "x", "input": {"a": "\0" + "y" * 1_000_000}}
    (call,) = of_events("claude", {"type": "assistant", "message": {"content": [part]}})
    assert len(str(call.details)) < 50_000
    assert len(call.text) < 3_000
    assert "\0" not in call.text + str(call.details["input"])


def test_codex() -> None:
    entries = told("codex", recording("codex.headless.stdout").read_bytes())
    assert kinds(entries) == {K.MESSAGE: 6, K.TOOL_CALL: 5, K.TOOL_RESULT: 5}
    assert messages(entries)[-1] == "Done: I followed TASK.md and made the changes it asks for."
    calls = {one.id for one in entries if one.kind is K.TOOL_CALL}
    assert calls == {one.id for one in entries if one.kind is K.TOOL_RESULT}
    last = [one for one in entries if one.kind is K.TOOL_RESULT][-1]
    assert (last.text, last.details) == ("Hello, world!\n", {"exit_code": 0, "status": "completed"})


def test_gemini_joins_what_comes_in_pieces() -> None:
    entries = told("gemini", recording("gemini.headless.stdout").read_bytes())
    assert messages(entries) == [
        "I will read TASK.md first.",
        "Now I create hello.py.",
        "I will read README.md first.",
        "Now I edit README.md.",
        "Now I run the command.",
        "Done: I followed TASK.md and made the changes it asks for.",
    ]
    assert kinds(entries) == {K.MESSAGE: 6, K.TOOL_CALL: 5, K.TOOL_RESULT: 5, K.DIFF: 2}
    patch = str([one for one in entries if one.kind is K.DIFF][-1].details["patch"])
    assert "-nothing yet" in patch
    assert "+see hello.py" in patch


def test_opencode() -> None:
    entries = told("opencode", recording("opencode.headless.stdout").read_bytes())
    assert kinds(entries) == {K.MESSAGE: 6, K.TOOL_CALL: 5, K.TOOL_RESULT: 5, K.DIFF: 2}
    assert [one.text for one in entries if one.kind is K.DIFF] == [
        "/home/dev/repo/hello.py",
        "/home/dev/repo/README.md",
    ]


def test_aider_gives_its_text_and_the_files_it_edited() -> None:
    entries = told("aider", recording("aider.headless.stdout").read_bytes())
    assert "I follow TASK.md." in messages(entries)[0]
    assert [one.text for one in entries if one.kind is K.DIFF] == ["README.md", "hello.py"]


def test_goose_calls_and_results_belong_together() -> None:
    call = {
        "type": "toolRequest",
        "id": "1",
        "toolCall": {"value": {"name": "shell", "arguments": {"command": "ls"}}},
    }
    result = {"type": "toolResponse", "id": "1", "toolResult": {"value": {"content": [{"text": "a.py"}]}}}
    entries = of_events(
        "goose",
        {
            "type": "message",
            "message": {"role": "assistant", "content": [{"type": "text", "text": "I look."}, call]},
        },
        {"type": "message", "message": {"role": "user", "content": [result]}},
    )
    assert [(one.kind, one.id, one.text) for one in entries] == [
        (K.MESSAGE, "", "I look."), (K.TOOL_CALL, "1", "shell ls"), (K.TOOL_RESULT, "1", "a.py"),
    ]  # fmt: skip


def test_codex_names_the_files_it_changed_and_its_plan() -> None:
    change = {"type": "file_change", "id": "7", "changes": [{"path": "a.py", "kind": "add"}]}
    plan = {"type": "todo_list", "id": "8", "items": [{"text": "look", "completed": True}, {"text": "write"}]}
    entries = of_events("codex", *({"type": "item.completed", "item": item} for item in (change, plan)))
    assert entries == [
        Entry(K.DIFF, "a.py", "7", {"path": "a.py", "change": "add"}),
        Entry(K.PLAN, "[x] look\n[ ] write", "8"),
    ]


def test_a_message_that_nothing_follows_is_told_at_the_end() -> None:
    piece = {"type": "message", "role": "assistant", "content": "half a sen"}
    assert messages(of_events("gemini", piece)) == ["half a sen"]


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
@pytest.mark.parametrize("nonsense", [None, 7, "text", [], {}, {"content": 3}, [None]])
def test_events_of_any_shape_are_survived(dialect: str, nonsense: object) -> None:
    names = "assistant user message item.started item.completed tool_use tool_result text reasoning"
    keys = ("message", "item", "part", "content", "parameters", "error", "output", "tool_id")
    for name in names.split():
        of_events(dialect, {"type": name, **dict.fromkeys(keys, nonsense)})
        for key in ("command_execution", "mcp_tool_call", "file_change", "todo_list", "web_search"):
            item = {
                "type": key,
                **dict.fromkeys(("changes", "items", "result", "error", "command"), nonsense),
            }
            of_events(dialect, {"type": name, "item": item})
